import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { optionalTool } from '#testing';
import { borrowCluster } from './shared-cluster.js';
import { runCommand } from './started-cluster.js';

const minutes = (n: number) => n * 60_000;
const runs = (command: string, args: readonly string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
const python = optionalTool(
  'python3',
  runs('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))'])
    ? undefined
    : 'no Python 3.9 or newer on the PATH',
);
const goVersion = /go1\.(\d+)/.exec(spawnSync('go', ['version'], { encoding: 'utf8' }).stdout ?? '')?.[1];
const go = optionalTool('go', Number(goVersion) >= 21 ? undefined : 'no Go 1.21 or newer on the PATH');

/** Clients that know the gateway from its published contract alone, and hold every answer against it. */
describe('written from the contract', () => {
  let lent: Awaited<ReturnType<typeof borrowCluster>> | undefined;
  let folder: string;
  const url = () => lent?.cluster.url ?? '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'watershed-clients-'));
    if (python.there || go.there) lent = await borrowCluster();
  }, minutes(4));

  afterAll(async () => {
    await lent?.close();
    rmSync(folder, { recursive: true, force: true });
  }, minutes(1));

  python.describe('a client in Python', () => {
    const client = (...args: string[]) => runCommand('python3', ['test/clients/stranger.py', url(), ...args]);

    it('does what a newcomer does, and meets nothing that the contract does not declare', () => {
      const { code, stdout, stderr } = client('--until-limited');
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toMatchObject({ language: 'de', guessesPerWindow: 20, undeclared: [] });
      expect(code).toBe(0);
    });

    it('finds what a contract leaves out', () => {
      const contract = JSON.parse(readFileSync('openapi/gateway.json', 'utf8'));
      delete contract.paths['/v1/pods/{podId}/resources/{path}'].put.responses[201];
      delete contract.components.schemas.InferTextAnswer.properties.usageId;
      const document = join(folder, 'less.json');
      writeFileSync(document, JSON.stringify(contract));
      const { code, stdout } = client('--document', document);
      expect(JSON.parse(stdout).undeclared).toEqual([
        'inferText 200: /usageId is not declared',
        'putResource: status 201 is not declared',
      ]);
      expect(code).toBe(1);
    });
  });

  go.describe('a client in Go', () => {
    it(
      'does what a newcomer does, and meets nothing that the contract does not declare',
      () => {
        const run = ['run', 'test/clients/stranger.go', url()];
        const { code, stdout, stderr } = runCommand('go', run, { GOTOOLCHAIN: 'local', GOPROXY: 'off' });
        expect(stderr).toBe('');
        expect(JSON.parse(stdout)).toMatchObject({ language: 'de', undeclared: [] });
        expect(code).toBe(0);
      },
      minutes(3),
    );
  });
});
