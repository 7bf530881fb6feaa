import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '#client';
import { eventually, optionalTool, toolIsRequired } from '#testing';
import { containers } from '../scripts/compose/container/containers.js';
import { imagesOf } from '../scripts/compose/release.js';
import { type Ask, load, reconcile } from './books.js';
import { StackKeks } from './compose-keks.js';
import { ComposeStack, everyProfile } from './compose-stack.js';
import { findEngine, missingImages } from './container-engine.js';
import { confinement, crash, glutton, limits, reach } from './inside-container.js';
import { metricNamesIn, queriesOfDashboard, rules } from './monitoring-files.js';
import { PrometheusApi, prometheusIsHere } from './prometheus-api.js';
import { root, runCommand } from './started-cluster.js';

const minutes = (n: number) => n * 60_000;
const composeFile = readFileSync(join(root, 'docker/compose.yml'), 'utf8');
const required = toolIsRequired('compose');
const engine = findEngine();

/** Why the stack is not brought up here; where it was asked for, an engine pulls what it lacks. */
function absence(): string | undefined {
  if (!engine) return 'no container engine with a compose command answers (docker compose, podman-compose)';
  if (required) return undefined;
  const images = imagesOf(composeFile)
    .filter(({ variable }) => !['TRITON_IMAGE', 'PROMETHEUS_IMAGE'].includes(variable))
    .map(({ tag }) => tag);
  const missing = missingImages(engine, images);
  if (missing.length > 0) return `${engine.command} holds no ${missing.join(', ')}`;
  // Building the image alone takes minutes.
  return process.env.WATERSHED_TEST_ALL ? undefined : 'takes minutes: npm run test:compose, or npm run test:all';
}

/** Why nobody watches the stack here; it takes a moment, so only where the stack is brought up at all. */
function noPrometheus(): string | undefined {
  if (absence() !== undefined || !engine) return 'the compose stack is not brought up';
  const here = prometheusIsHere() || missingImages(engine, [imageOf('PROMETHEUS_IMAGE')]).length === 0;
  return here ? undefined : `neither prometheus on the PATH nor ${imageOf('PROMETHEUS_IMAGE')}`;
}

const imageOf = (wanted: string): string =>
  imagesOf(composeFile).find(({ variable }) => variable === wanted)?.tag ?? '';

const services = containers.map(({ name }) => name).filter((name) => name !== 'runner-gpu');

const prometheus = optionalTool('prometheus', noPrometheus());
const profiles = prometheus.there ? ['monitoring'] : [];

optionalTool('compose', absence()).describe('the compose stack', () => {
  let stack: ComposeStack;
  let key: string;
  let operatorKey: string;
  let givenMicro: bigint;

  const ask: Ask = async (method, path, bearer, json) => {
    const response = await fetch(`${stack.url}${path}`, {
      method,
      headers: {
        ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: json === undefined ? undefined : JSON.stringify(json),
      signal: AbortSignal.timeout(40_000),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : undefined };
  };
  const infer = () => ask('POST', '/v1/infer', key, { model: 'watershed/language-id', text: 'Gdzie jest studnia?' });
  const served = (timeoutMs = 60_000) =>
    eventually(async () => expect((await infer()).status).toBe(200), { timeoutMs, intervalMs: 200 });
  const books = (answered: ReadonlySet<string>) =>
    reconcile(ask, { key, givenMicro }, createClient({ url: stack.url, credential: operatorKey }), answered);
  const startedAt = async (service: string) =>
    stack.ask(['inspect', '--format', '{{.State.StartedAt}}', await stack.containerOf(service)]);

  beforeAll(async () => {
    if (!engine) throw new Error('no engine');
    stack = await ComposeStack.prepare(engine);
    const built = await stack.compose(['build', 'init']);
    if (built.code !== 0) throw new Error(`the image cannot be built:\n${built.output.slice(-4_000)}`);
    if (prometheus.there && missingImages(engine, [imageOf('PROMETHEUS_IMAGE')]).length > 0)
      await stack.standInForPrometheus(imageOf('NODE_IMAGE'));
  }, minutes(20));

  afterAll(async () => {
    const left = await stack?.down();
    await stack?.remove();
    expect(left).toEqual([]);
  }, minutes(3));

  it(
    'does not start where a secret is missing, and says which',
    async () => {
      const incomplete = join(stack.dataFolder, '..', 'incomplete');
      writeFileSync(incomplete, readFileSync(stack.envFile, 'utf8').replace(/^REDIS_PASSWORD=.*$/m, 'REDIS_PASSWORD='));
      const { code, output } = await stack.compose(['config'], incomplete);
      expect(code).not.toBe(0);
      expect(output).toContain('REDIS_PASSWORD');
      expect((await stack.compose(['config'])).code).toBe(0);
    },
    minutes(1),
  );

  it(
    'understands the profile gpu',
    async () => {
      const { code, output } = await stack.compose(['--profile', 'gpu', 'config']);
      expect(code).toBe(0);
      expect(output).toContain('tritonserver');
    },
    minutes(1),
  );

  it('is a small image: what it adds to its base stays below 150 MB', async () => {
    const base = imageOf('NODE_IMAGE');
    const sizeOf = async (image: string) =>
      Number(await stack.ask(['image', 'inspect', '--format', '{{.Size}}', image]));
    const addedMegabytes = ((await sizeOf(stack.image)) - (await sizeOf(base))) / 1e6;
    expect(addedMegabytes).toBeGreaterThan(0);
    expect(addedMegabytes).toBeLessThan(150);
  });

  it(
    'comes up from nothing and tells the demo’s story',
    async () => {
      await stack.up(profiles).catch(async (error: unknown) => {
        throw new Error(`${error instanceof Error ? error.message : error}\n${await stack.logs()}`);
      });
      const demo = runCommand('npm', [
        ...['run', '-s', 'demo', '--', '--url', stack.url, '--data', stack.dataFolder, '--wait', '120'],
      ]);
      expect(`${demo.stdout}${demo.stderr}`).toContain('parts went as they should');
      expect(demo.code).toBe(0);
    },
    minutes(8),
  );

  it(
    'is healthy in every container that stays up, and the one-shot ones ended well',
    async () => {
      await eventually(
        async () => {
          const well = await Promise.all([...services, 'postgres', 'redis'].map((name) => stack.isHealthy(name)));
          expect(well).not.toContain(false);
        },
        { timeoutMs: 120_000, intervalMs: 1_000 },
      );
      for (const name of ['init', 'first-model'])
        expect(
          await stack.ask([
            'inspect',
            '--format',
            '{{.State.Status}} {{.State.ExitCode}}',
            await stack.containerOf(name),
          ]),
        ).toBe('exited 0');
    },
    minutes(3),
  );

  it(
    'holds each service to its own volume, without root, capabilities or a way to change its code',
    async () => {
      const keysOf = new Map(containers.map(({ name, keys }) => [name, keys.map((purpose) => `${purpose}.json`)]));
      keysOf.set('pod-host', ['pod-kek.json']);
      for (const name of services) {
        const seen = JSON.parse(await stack.evaluate(name, confinement)) as Record<string, unknown> & {
          data: string[];
          keys: string[];
        };
        expect([name, seen]).toMatchObject([
          name,
          { uid: 1000, capabilities: true, locked: '1', refusal: expect.stringMatching(/^(EROFS|EACCES)$/) },
        ]);
        expect([name, seen.keys.filter((file) => file.endsWith('.json'))]).toEqual([
          name,
          [...(keysOf.get(name) ?? [])].sort(),
        ]);
        expect(seen.data.filter((entry) => ['secrets.json', 'cluster.json', 'format'].includes(entry))).toEqual([]);
      }
      expect(await stack.evaluate('toll', reach('postgres', 5432))).toBe('connected');
      expect(await stack.evaluate('runner', reach('postgres', 5432))).toBe('no way');
      expect(await stack.evaluate('runner', reach('redis', 6379))).toBe('connected');
      const environments = await Promise.all(
        services.map(async (name) =>
          stack.ask(['inspect', '--format', '{{json .Config.Env}}', await stack.containerOf(name)]),
        ),
      );
      const secrets = [...readFileSync(stack.envFile, 'utf8').matchAll(/(?:PASSWORD|SECRET)=(.+)/g)].map(
        ([, value = '']) => value,
      );
      expect(secrets.length).toBe(3);
      for (const value of secrets) expect(environments.join().includes(value)).toBe(false);
    },
    minutes(2),
  );

  it(
    'holds each service to what it may take, and kills alone what takes more',
    async () => {
      const mebibyte = 1024 ** 2;
      for (const name of services) {
        const memory = { gateway: 1024, runner: 2048 }[name] ?? 512;
        expect([name, JSON.parse(await stack.evaluate(name, limits))]).toEqual([
          name,
          {
            memory: String(memory * mebibyte),
            pids: '512',
            cpu: name === 'gateway' || name === 'runner' ? expect.stringMatching(/^(max|-1)$/) : '100000',
            core: ['0', '0'],
          },
        ]);
      }
      const before = await startedAt('registry');
      await expect(stack.evaluate('registry', glutton)).rejects.toThrow();
      expect(await stack.isHealthy('registry')).toBe(true);
      expect(await startedAt('registry')).toBe(before);
      // Models are admitted by what is left in the container, not by what the machine has.
      const metrics = await stack.evaluate(
        'runner',
        'fetch("http://127.0.0.1:9100/metrics").then(async (answer) => console.log(await answer.text()))',
      );
      const freeBytes = Number(/^watershed_runner_model_memory_free_bytes\S* (\S+)$/m.exec(metrics)?.[1]);
      expect(freeBytes).toBeGreaterThan(0);
      expect(freeBytes).toBeLessThan(2048 * mebibyte);
    },
    minutes(2),
  );

  prometheus.describe('and the Prometheus of its profile', () => {
    let api: PrometheusApi;

    beforeAll(async () => {
      api = new PrometheusApi(`http://127.0.0.1:${stack.prometheusPort}`);
      const signedUp = (await ask('POST', '/v1/people', undefined, {})).body as { key: { secret: string } };
      // A rate wants two looks, fifteen seconds apart, and something that happened between them.
      await eventually(
        async () => {
          const question = { model: 'watershed/language-id', text: 'Il ruscello è in piena.' };
          expect((await ask('POST', '/v1/infer', signedUp.key.secret, question)).status).toBe(200);
          expect(await api.query('rate(watershed_runner_inference_seconds_count[1m]) > 0')).not.toEqual([]);
        },
        { timeoutMs: 120_000, intervalMs: 2_000 },
      );
    }, minutes(3));

    it(
      'sees every service and none of the alerts',
      async () => {
        expect(await stack.isHealthy('prometheus')).toBe(true);
        expect(await api.targets()).toEqual([...services].sort().map((name) => [name, 'up', '']));
        const quiet = rules().map(({ alert }) => [alert, 'ok', 'inactive']);
        // What was down while the stack came up may still be waited for.
        await eventually(async () => expect(await api.rules()).toEqual(quiet.sort()), { timeoutMs: 60_000 });
      },
      minutes(2),
    );

    it(
      'answers every query of the dashboard',
      async () => {
        const read = [...queriesOfDashboard(), ...rules().map(({ expr }) => expr)].flatMap(metricNamesIn);
        const known = await api.metricNames();
        expect(read.filter((name) => !known.has(name))).toEqual([]);
        for (const expr of queriesOfDashboard())
          await eventually(
            async () => expect({ expr, series: (await api.query(expr)).length }).not.toEqual({ expr, series: 0 }),
            { timeoutMs: 60_000, intervalMs: 1_000 },
          );
      },
      minutes(3),
    );
  });

  it(
    'serves the operator’s command line and the doctor from inside',
    async () => {
      const { code, output } = await stack.compose(['--profile', 'tools', 'run', '--rm', 'operator', 'models', 'list']);
      expect(output).toContain('watershed/language-id');
      expect(code).toBe(0);
      const doctor = await stack.compose(['--profile', 'tools', 'run', '--rm', 'operator', 'doctor']);
      expect(doctor.output).toContain(`${[...services].join(', ')} run and give metrics`);
      expect(doctor.output).toContain('All is well.');
      expect(doctor.code).toBe(0);
    },
    minutes(2),
  );

  it(
    'keeps what people put readable when the keys that wrap theirs are rotated, also where an up comes in between',
    async () => {
      const own = ((await ask('POST', '/v1/people', undefined, {})).body as { key: { secret: string } }).key.secret;
      const { podId } = (await ask('POST', '/v1/pods', own, {})).body as { podId: string };
      const [canary, path] = ['Unter der Linde liegt ein Kranich 7431', 'kranich-7431.txt'];
      const resource = `/v1/pods/${podId}/resources/${path}`;
      expect((await ask('PUT', resource, own, { canary })).status).toBe(201);
      const readable = async () => expect(await ask('GET', resource, own)).toEqual({ status: 200, body: { canary } });
      const keks = new StackKeks(stack);
      const before = await keks.texts();
      await keks.rotate();
      // As at every `up`: what holds the keys in memory runs, so nothing may be wrapped by the next ones yet.
      await stack.ask(['start', '-a', await stack.containerOf('init')]);
      expect(await keks.waiting()).toEqual([true, true]);
      await readable();
      expect((await ask('POST', '/v1/pods', own, {})).status).toBe(201);
      await keks.restartTheirServices();
      await eventually(readable, { timeoutMs: 60_000, intervalMs: 250 });
      expect((await ask('POST', '/v1/pods', own, {})).status).toBe(201);
      const after = await keks.texts();
      expect([await keks.waiting(), after.map((text, at) => text === before[at])]).toEqual([
        [false, false],
        [false, false],
      ]);
      const secrets = [...before, ...after].map((text) => (JSON.parse(text) as { secret: string }).secret);
      // The keys of before are nowhere any more, those of now in their own files alone; the last two show that it looks.
      const [, , peoples, pods] = secrets;
      expect(await keks.inPlain([canary, path, ...secrets, 'WATERSHED_CLUSTER_ID', 'language-id'])).toEqual(
        [peoples, pods, 'WATERSHED_CLUSTER_ID', 'language-id'].sort(),
      );
    },
    minutes(3),
  );

  it(
    'loses and doubles nothing that it answered when any container is killed under load',
    async () => {
      operatorKey = readFileSync(join(stack.dataFolder, 'operator', 'api-key'), 'utf8').trim();
      const signedUp = (await ask('POST', '/v1/people', undefined, {})).body as {
        person: { personId: string };
        key: { secret: string };
      };
      key = signedUp.key.secret;
      const grant = { personId: signedUp.person.personId, amountMicro: '1000000000', memo: 'enough for the load' };
      givenMicro = BigInt(
        ((await ask('POST', '/v1/grants', operatorKey, grant)).body as { balanceMicro: string }).balanceMicro,
      );
      await served();
      const traffic = load(ask, key, 4);
      for (const name of services) {
        const before = await startedAt(name);
        await stack.evaluate(name, crash).catch((error: unknown) => {
          // The container may be gone before the command that killed it has ended.
          if (!/137|not running|exec|container/i.test(String(error))) throw error;
        });
        await eventually(async () => expect(await startedAt(name)).not.toBe(before), { timeoutMs: 60_000 });
        await eventually(async () => expect(await stack.isHealthy(name)).toBe(true), {
          timeoutMs: 60_000,
          intervalMs: 500,
        });
        await served();
      }
      for (const name of ['redis', 'postgres']) {
        const container = await stack.containerOf(name);
        await stack.ask(['kill', container]);
        await stack.ask(['start', container]);
        await served(120_000);
      }
      const tally = await traffic.stop();
      expect(tally.answered.size).toBeGreaterThan(0);
      await books(tally.answered);
    },
    minutes(12),
  );

  it(
    'finishes what is in flight when the gateway is told to stop',
    async () => {
      const gateway = await stack.containerOf('gateway');
      await served();
      const traffic = load(ask, key, 4);
      await served();
      // Longer than the stack's own grace period: an engine that has to kill says 137.
      await stack.ask(['stop', '-t', '60', gateway]);
      expect(await stack.ask(['inspect', '--format', '{{.State.ExitCode}}', gateway])).toBe('0');
      await stack.ask(['start', gateway]);
      await served();
      await books((await traffic.stop()).answered);
    },
    minutes(4),
  );

  it(
    'comes up again with all its data after it was taken down',
    async () => {
      const balance = async () => ((await ask('GET', '/v1/purse', key)).body as { balanceMicro: string }).balanceMicro;
      const before = await balance();
      await stack.compose(['stop', 'gateway']);
      expect((await stack.compose([...everyProfile, 'down'])).code).toBe(0);
      await stack.up(profiles);
      await eventually(async () => expect(await balance()).toBe(before), { timeoutMs: 30_000 });
      await served(120_000);
    },
    minutes(8),
  );
});
