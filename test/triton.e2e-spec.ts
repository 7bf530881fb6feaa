import { readFileSync } from 'node:fs';
import { findTriton, tritonFolder } from '#local-services';
import { eventually, optionalTool } from '#testing';
import { root, runCommand, StartedCluster } from './started-cluster.js';

const absence = findTriton(tritonFolder(root)) ? undefined : 'none is set up; npm run -s triton -- setup does';

optionalTool('triton', absence).describe('npm start -- --triton', () => {
  let cluster: StartedCluster;

  beforeAll(async () => {
    cluster = await StartedCluster.start({ flags: ['--triton'] });
  }, 120_000);
  afterAll(() => cluster.stop());

  const servers = () =>
    cluster.processes().filter(({ command }) => command.split(' ', 1)[0]?.endsWith('/bin/tritonserver'));
  const flags = () => ['--port', String(cluster.port), '--data', cluster.dataFolder];

  it('serves the main job from a real Triton, and the doctor says so', () => {
    expect(cluster.output).toContain('models are served by Triton 2.51.0');
    expect(servers()).toHaveLength(1);
    const demo = runCommand('npm', ['run', '-s', 'demo', '--', ...flags()]);
    expect([demo.code, demo.stdout]).toEqual([0, expect.stringContaining('went as they should')]);
    const doctor = runCommand('npm', ['run', '-s', 'doctor', '--', ...flags()]);
    expect(doctor.stdout).toContain('model server: Triton 2.51.0 serves');
  }, 60_000);

  it('keeps our secrets from the process that runs other people’s models', () => {
    const [server] = servers();
    const environment = readFileSync(`/proc/${server?.pid}/environ`, 'utf8').split('\0').filter(Boolean);
    const named = environment.map((line) => line.split('=', 1)[0]);
    // PWD is the shell's that guards it.
    expect(named.filter((name) => name !== 'PWD').sort()).toEqual(['LANG', 'LD_LIBRARY_PATH', 'PATH', 'TMPDIR']);
  });

  it('starts it again when it is killed, and loads its models anew', async () => {
    const key = await cluster.signUp();
    const [before] = servers();
    process.kill(before?.pid ?? 0, 'SIGKILL');
    const ask = () =>
      cluster.request('POST', '/v1/infer', key, { model: 'watershed/language-id', text: 'Das Wasser bleibt hier.' });
    await eventually(async () => (await ask()).status === 200, { timeoutMs: 30_000, intervalMs: 200 });
    expect(servers().map(({ pid }) => pid)).not.toContain(before?.pid);
  }, 60_000);

  it('leaves no process behind', async () => {
    expect(await cluster.stop()).toBe(true);
    expect(await cluster.leftBehind()).toEqual([]);
  }, 60_000);
});

describe('npm start -- --triton beside TRITON_URL', () => {
  it('is refused in one line', async () => {
    const cluster = await StartedCluster.launch({ flags: ['--triton'], env: { TRITON_URL: 'http://127.0.0.1:1' } });
    await cluster.untilPrinted('leave one of the two out');
    await cluster.leftBehind();
    expect(cluster.output.trim().split('\n').pop()).toMatch(
      /^watershed: --triton starts a Triton of its own and TRITON_URL/,
    );
  }, 60_000);
});
