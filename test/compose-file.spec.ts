import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CORE_SCHEMA, load, mergeTag } from 'js-yaml';
import { internalNetworkOf } from '#config';
import { basePort, containers } from '../scripts/compose/container/containers.js';
import { addresses } from '../scripts/compose/container/init.js';
import { imagesOf, releaseFile } from '../scripts/compose/release.js';
import { secretVariables, withSecrets, writeSecrets } from '../scripts/compose/secrets.js';

interface Service {
  readonly image?: string;
  readonly build?: { readonly dockerfile: string };
  readonly user?: string;
  readonly command?: readonly string[];
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly depends_on?: readonly string[];
  readonly networks?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly read_only?: boolean;
  readonly init?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly stop_signal?: string;
  readonly restart?: string;
  readonly deploy?: unknown;
  readonly tmpfs?: readonly string[];
  readonly mem_limit?: string;
  readonly cpus?: string;
  readonly pids_limit?: string;
  readonly ulimits?: { readonly core: number; readonly nofile: { readonly soft: number; readonly hard: number } };
  readonly logging?: { readonly options: Readonly<Record<string, string>> };
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const textOf = (path: string) => readFileSync(join(root, path), 'utf8');
const composeText = textOf('docker/compose.yml');
const compose = load(composeText, { schema: CORE_SCHEMA.withTags(mergeTag) }) as {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean } | null>;
  volumes: Record<string, unknown>;
};
const all = Object.entries(compose.services);
const service = (name: string): Service => compose.services[name] ?? {};
const running = containers.map(({ name }) => name);
const ours = all.filter(([, each]) => each.image?.includes('WATERSHED_IMAGE'));
const seconds = (text = '') => Number(/^(\d+)s$/.exec(text)?.[1]);

describe('docker/compose.yml', () => {
  it('has one container for each service of the topology, and each runs that service alone', () => {
    const topology = JSON.parse(textOf('topology/one-app-a-process.json')) as { processes: { services: string[] }[] };
    const named = topology.processes.flatMap(({ services }) => services).sort();
    const always = all.filter(([, each]) => each.command?.[0] === 'service' && !each.profiles);
    expect(always.map(([name]) => name).sort()).toEqual(named);
    for (const name of running) expect(service(name).command).toEqual(['service', name]);
    expect(
      all
        .filter(([, each]) => each.command?.[0] === 'service')
        .map(([name]) => name)
        .sort(),
    ).toEqual([...running].sort());
  });

  it('gives every secret no default and refuses to start without it', () => {
    const uses = [...composeText.matchAll(/\$\{(\w+)([^}]*)\}/g)].map(([, name = '', rest = '']) => ({ name, rest }));
    for (const { name, rest } of uses)
      expect([name, rest.slice(0, 2)]).toEqual([name, secretVariables.some((each) => each === name) ? ':?' : ':-']);
    for (const name of secretVariables) expect(uses.some((use) => use.name === name)).toBe(true);
    const example = textOf('docker/.env.example');
    for (const name of secretVariables) expect(example).toMatch(new RegExp(`^${name}=$`, 'm'));
    const listed = [...example.matchAll(/^(\w+)=/gm)].map(([, name]) => name);
    expect(uses.map(({ name }) => name).filter((name) => !listed.includes(name) && !name.endsWith('_IMAGE'))).toEqual(
      [],
    );
    // Where both name a value, it is the same one: a stack whose .env lacks a line is no other stack.
    for (const { name, rest } of uses.filter(({ rest: each }) => each.startsWith(':-') && each !== ':-'))
      if (!name.endsWith('_IMAGE')) expect(example).toMatch(new RegExp(`^${name}=${rest.slice(2)}$`, 'm'));
  });

  it('bounds what every container may take, and lets the operator say otherwise', () => {
    const setting = /^\$\{\w+:-(\d+)([kmg]?b?)\}$/;
    for (const [name, each] of all) {
      expect([name, each.mem_limit, each.cpus, each.pids_limit]).toEqual([
        ...[name, expect.stringMatching(setting), expect.stringMatching(setting), expect.stringMatching(setting)],
      ]);
      expect([name, setting.exec(each.mem_limit ?? '')?.[1]]).not.toEqual([name, '0']);
      expect([name, setting.exec(each.pids_limit ?? '')?.[1]]).not.toEqual([name, '0']);
      expect([name, each.ulimits?.core]).toEqual([name, 0]);
      expect([name, each.logging?.options]).toEqual([name, { 'max-size': '16m', 'max-file': '4' }]);
      // Triton is not ours to say what it writes.
      if (name !== 'triton') expect([name, each.read_only]).toEqual([name, true]);
      for (const folder of each.tmpfs ?? []) expect(folder).toContain('size=');
    }
    const megabytes = (text = '') => {
      const [, count, unit = ''] = setting.exec(text) ?? [];
      return Number(count) * (unit.startsWith('g') ? 1024 : 1);
    };
    const redis = service('redis');
    // Rewriting its file takes a copy of what changes meanwhile.
    expect(megabytes(String(redis.environment?.REDIS_MAXMEMORY)) * 1.5).toBeLessThanOrEqual(megabytes(redis.mem_limit));
  });

  it('starts again what ends, but for what ends when it is done', () => {
    const onFailure = ['init', 'first-model'];
    for (const [name, each] of all)
      expect([name, each.restart]).toEqual([
        ...[name, name === 'operator' ? undefined : onFailure.includes(name) ? 'on-failure' : 'unless-stopped'],
      ]);
  });

  it('makes a database that crashed durable at one stroke before it is replayed', () => {
    expect(service('postgres').command).toContain('recovery_init_sync_method=syncfs');
  });

  it('puts secrets into no environment but those of init and of the two servers', () => {
    const told = all.filter(([, each]) => /PASSWORD|SECRET/.test(JSON.stringify(each.environment ?? {})));
    expect(told.map(([name]) => name).sort()).toEqual(['init', 'postgres', 'redis']);
  });

  it('runs our image as no root, on a root that is read only, without a capability', () => {
    expect(ours.length).toBe(running.length + 3);
    for (const [name, each] of ours)
      expect([name, each.user, each.read_only, each.cap_drop, each.cap_add, each.security_opt, each.init]).toEqual([
        ...[name, 'node', true, ['ALL'], undefined, ['no-new-privileges:true'], true],
      ]);
    for (const [name, each] of all)
      expect([name, each.cap_drop, each.security_opt]).toEqual([name, ['ALL'], ['no-new-privileges:true']]);
    const dockerfile = textOf('docker/Dockerfile');
    expect(dockerfile.lastIndexOf('USER node')).toBeGreaterThan(dockerfile.lastIndexOf('FROM '));
    expect(dockerfile.match(/^FROM /gm)?.length).toBe(2);
  });

  it('shows each service its own volume alone, and the roots to nothing that stays up', () => {
    const extra: Record<string, string[]> = {
      gateway: ['operator-key:/operator'],
      'runner-gpu': ['triton-models:/models'],
    };
    for (const name of running) expect(service(name).volumes).toEqual([`${name}:/data`, ...(extra[name] ?? [])]);
    const withRoots = all.filter(([, each]) => each.volumes?.some((volume) => volume.startsWith('identity:')));
    expect(withRoots.map(([name]) => name)).toEqual(['init']);
    const prepared = service('init').volumes ?? [];
    for (const name of running) expect(prepared).toContain(`${name}:/volumes/${name}`);
    const made = /for name in ([a-z -]+);/.exec(textOf('docker/Dockerfile'))?.[1]?.split(' ');
    expect(made?.sort()).toEqual([...running, 'operator'].sort());
    const mounted = new Set(all.flatMap(([, each]) => each.volumes ?? []).map((volume) => volume.split(':')[0] ?? ''));
    // A path of this machine, read only and nobody's secret, is the folder of Prometheus' rules.
    expect([...mounted].filter((name) => name.startsWith('.'))).toEqual(['../monitoring']);
    expect(Object.keys(compose.volumes).sort()).toEqual([...mounted].filter((name) => !name.startsWith('.')).sort());
  });

  it('lets a drain take its time before the engine kills, and keeps what others need until they have drained', () => {
    for (const name of running) {
      const each = service(name);
      const drainMs = Number(each.environment?.WATERSHED_DRAIN_TIMEOUT_MS);
      // What is still starting is waited for, and closing has its own limit: libs/node/src/app-group.ts, 5 s each.
      expect([name, seconds(each.stop_grace_period) * 1_000 >= drainMs + 10_000]).toEqual([name, true]);
      expect([name, each.stop_signal, each.restart]).toEqual([name, 'SIGTERM', 'unless-stopped']);
      expect(each.depends_on).toContain('redis');
    }
    const others = running.filter((name) => name !== 'gateway' && name !== 'runner-gpu');
    expect(service('gateway').depends_on).toEqual(expect.arrayContaining(others));
    expect(all.filter(([, each]) => each.depends_on?.includes('init'))).toEqual([]);
    // The gateway's longest request is 30 s.
    expect(Number(service('gateway').environment?.WATERSHED_DRAIN_TIMEOUT_MS)).toBeGreaterThan(30_000);
  });

  it('checks the health of everything that stays up', () => {
    const oneShot = ['init', 'first-model', 'operator'];
    for (const [name, each] of all) expect([name, !!each.healthcheck]).toEqual([name, !oneShot.includes(name)]);
  });

  it('publishes the gateway, on the loopback interface unless told otherwise, and else only Prometheus there, where it is asked for', () => {
    expect(all.filter(([, each]) => each.ports).map(([name]) => name)).toEqual(['gateway', 'prometheus']);
    expect(service('gateway').ports).toEqual([`\${WATERSHED_ADDRESS:-127.0.0.1}:\${WATERSHED_PORT:-4100}:${basePort}`]);
    expect(service('prometheus').ports).toEqual([`127.0.0.1:\${PROMETHEUS_PORT:-9090}:9090`]);
  });

  it('lets plain text travel between its containers, and tells the gateway where it is really reached', () => {
    for (const container of containers) {
      const env = addresses(container);
      const network = internalNetworkOf(env);
      const told = Object.entries(env).filter(([name]) => /_PUBLIC_URLS?$/.test(name));
      for (const [name, url] of told) expect([name, network.has(new URL(url).hostname)]).toEqual([name, true]);
      for (const host of ['postgres', 'redis', 'triton', 'gateway']) expect(network.has(host)).toBe(true);
      for (const host of ['0.0.0.0', '10.89.0.2', 'redis.example']) expect(network.has(host)).toBe(false);
    }
    expect(service('init').environment?.WATERSHED_INTERNAL_NETWORK).toBe('postgres,redis');
    expect(service('gateway').environment).toMatchObject({
      GATEWAY_PUBLISHED_ADDRESS: `\${WATERSHED_ADDRESS:-127.0.0.1}`,
      GATEWAY_BEHIND_TLS_PROXY: `\${GATEWAY_BEHIND_TLS_PROXY:-false}`,
    });
  });

  it('gives a runner no way to Postgres, and only gateway and bridge a way out', () => {
    const on = (network: string) => all.filter(([, each]) => each.networks?.includes(network)).map(([name]) => name);
    expect(on('database')).not.toEqual(expect.arrayContaining(['runner']));
    expect(on('database').filter((name) => name.startsWith('runner'))).toEqual([]);
    expect(on('database')).toContain('postgres');
    expect(on('cluster')).not.toContain('postgres');
    expect(on('outside').sort()).toEqual(['bridge', 'gateway']);
    expect([compose.networks.cluster, compose.networks.database]).toEqual([{ internal: true }, { internal: true }]);
  });

  it('pins every image by a tag, ours by the version of the package', () => {
    const { version } = JSON.parse(textOf('package.json')) as { version: string };
    for (const [, each] of ours) expect(each.image).toBe(`\${WATERSHED_IMAGE:-watershed:${version}}`);
    const tags = imagesOf(composeText).map(({ tag }) => tag);
    expect(tags.length).toBe(5);
    for (const tag of tags) expect(tag).toMatch(/^[\w./-]+:v?\d[\w.-]*$/);
    expect(textOf('docker/Dockerfile')).toContain(
      `ARG NODE_IMAGE=${imagesOf(composeText).find(({ variable }) => variable === 'NODE_IMAGE')?.tag}`,
    );
  });

  it('puts everything into the image that what it runs imports', () => {
    const checked = spawnSync(process.execPath, ['docker/assemble.mjs', '--check'], { cwd: root, encoding: 'utf8' });
    expect([checked.status, checked.stderr]).toEqual([0, '']);
  });

  it('has a profile gpu: a Triton of its own for a second runner, which share the folder of models alone', () => {
    expect(all.filter(([, each]) => each.profiles?.includes('gpu')).map(([name]) => name)).toEqual([
      'runner-gpu',
      'triton',
    ]);
    expect(service('triton').volumes).toEqual(['triton-models:/models:ro']);
    expect(service('runner-gpu').environment).toMatchObject({
      TRITON_URL: 'http://triton:8000',
      TRITON_MODEL_DIR: '/models',
      WATERSHED_NODE_NAME: 'runner-gpu',
    });
    expect(service('triton').command).toEqual(expect.arrayContaining(['--model-control-mode=explicit']));
    expect(JSON.stringify(service('triton').deploy)).toContain('"capabilities":["gpu"]');
  });

  it('has a profile monitoring: a Prometheus that reaches every service', () => {
    const prometheus = service('prometheus');
    expect(all.filter(([, each]) => each.profiles?.includes('monitoring')).map(([name]) => name)).toEqual([
      'prometheus',
    ]);
    expect(prometheus.networks).toEqual(['cluster', 'monitoring']);
    expect(prometheus.volumes).toEqual(['../monitoring:/etc/prometheus:ro', 'prometheus:/prometheus']);
    expect(prometheus.command).toContain('--config.file=/etc/prometheus/prometheus.compose.yml');
    for (const name of running) expect(service(name).networks).toContain('cluster');
  });
});

describe('npm run compose -- secrets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'watershed-secrets-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('makes a private file of fresh secrets, and changes none that is there', () => {
    const [first, second] = [join(folder, 'first'), join(folder, 'second')];
    expect(writeSecrets(first, join(root, 'docker/.env.example'))).toEqual([...secretVariables]);
    expect(statSync(first).mode & 0o777).toBe(0o600);
    const text = readFileSync(first, 'utf8');
    const values = secretVariables.map((name) => new RegExp(`^${name}=([\\w-]{43})$`, 'm').exec(text)?.[1]);
    expect(new Set(values).size).toBe(secretVariables.length);
    expect(values).not.toContain(undefined);
    expect(writeSecrets(first, join(root, 'docker/.env.example'))).toEqual([]);
    expect(readFileSync(first, 'utf8')).toBe(text);
    writeSecrets(second, join(root, 'docker/.env.example'));
    expect(readFileSync(second, 'utf8')).not.toBe(text);
  });

  it('fills in a secret that a newer version asks for', () => {
    const old = 'REDIS_PASSWORD=kept\nPOSTGRES_PASSWORD=\nWATERSHED_REGION=EU/DE';
    expect(withSecrets(old, () => 'fresh')).toEqual({
      text: 'REDIS_PASSWORD=kept\nPOSTGRES_PASSWORD=fresh\nWATERSHED_REGION=EU/DE\nWATERSHED_DATABASE_SECRET=fresh\n',
      made: ['POSTGRES_PASSWORD', 'WATERSHED_DATABASE_SECRET'],
    });
  });
});

describe('npm run compose -- release', () => {
  const digest = `sha256:${'a1'.repeat(32)}`;

  it('names every image that is not ours by digest', () => {
    const file = releaseFile(imagesOf(composeText), (tag) => `${tag.split(':')[0]}@${digest}`);
    const { services } = load(file) as { services: Record<string, Service & { build?: { args: object } }> };
    expect(services.postgres?.image).toBe(`postgres@${digest}`);
    expect(services.redis?.image).toBe(`redis@${digest}`);
    expect(services.init?.build?.args).toEqual({ NODE_IMAGE: `node@${digest}` });
    expect(services.prometheus?.image).toBe(`prom/prometheus@${digest}`);
    expect(services.triton?.image).toContain(`tritonserver@${digest}`);
    expect(Object.keys(services).filter((name) => !(name in compose.services))).toEqual([]);
  });

  it('writes nothing where an image has no digest, or stands where it knows no place', () => {
    const images = imagesOf(`image: \${REDIS_IMAGE:-redis:7}`);
    expect(() => releaseFile(images, () => 'redis:7')).toThrow('redis:7 has no digest');
    expect(() => releaseFile(imagesOf(`image: \${OTHER_IMAGE:-other:1}`), () => '')).toThrow('OTHER_IMAGE');
  });
});
