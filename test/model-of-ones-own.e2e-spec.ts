import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeMatrixModel } from './matrix-model.js';
import { borrowCluster } from './shared-cluster.js';
import type { ReachableCluster } from './started-cluster.js';

const minutes = (n: number) => n * 60_000;

describe('an operator brings a model of their own', () => {
  let cluster: ReachableCluster;
  let giveBack: () => Promise<void>;
  let folder: string;
  let key: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'watershed-models-'));
    ({ cluster, close: giveBack } = await borrowCluster());
    key = await cluster.signUp();
  }, minutes(4));

  afterAll(async () => {
    await giveBack?.();
    rmSync(folder, { recursive: true, force: true });
  }, minutes(1));

  it.each([
    ['of 1 MB', 'small', 16, 16_384],
    ['of 200 MB', 'large', 64, 819_200],
  ])(
    '%s with one command, and people can infer on it when the command is done',
    async (_size, name, rows, columns) => {
      const file = join(folder, `${name}.onnx`);
      writeMatrixModel(file, rows, columns);
      expect(statSync(file).size).toBeGreaterThan(rows * columns * 4);
      const added = cluster.watershed(['models', 'add', file, '--name', `acme/${name}`, '--licence', 'CC0-1.0']);
      expect(`${added.stderr}${added.stdout}`).toContain(`is served as acme/${name} 1.0.0`);
      expect(added.code).toBe(0);
      const x = Array.from({ length: rows }, (_, index) => index % 3);
      const expected = x.reduce((sum, value, index) => sum + value * (index + 1), 0);
      const answer = await cluster.request('POST', `/v2/models/acme--${name}/infer`, key, {
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, rows], data: x }],
      });
      expect(answer.status).toBe(200);
      const { outputs } = answer.body as { outputs: { shape: number[]; data: number[] }[] };
      expect(outputs[0]?.shape).toEqual([1, columns]);
      expect(outputs[0]?.data[columns - 1]).toBeCloseTo(expected, 3);
      expect(answer.headers.get('watershed-route')).toMatch(/^local/);
      rmSync(file);
    },
    minutes(4),
  );

  it(
    'is told why where the file is no ONNX model, and nothing is kept of it',
    () => {
      const file = join(folder, 'noise.onnx');
      writeFileSync(file, randomBytes(100_000));
      const added = cluster.watershed(['models', 'add', file, '--name', 'acme/noise', '--licence', 'CC0-1.0']);
      expect(added.code).toBe(1);
      expect(added.stderr).toMatch(/watershed: .*\(model_invalid\)/);
      expect(added.stderr).not.toMatch(/\n\s+at /);
      expect(cluster.watershed(['models', 'list']).stdout).not.toContain('acme/noise');
    },
    minutes(1),
  );

  it(
    'is told what a name may be, and which file is missing',
    () => {
      const file = join(folder, 'noise.onnx');
      const misnamed = cluster.watershed(['models', 'add', file, '--name', 'a--b/c', '--licence', 'MIT']);
      expect(misnamed).toMatchObject({ code: 1, stderr: expect.stringContaining('is no model name') });
      const missing = cluster.watershed([
        'models',
        'add',
        join(folder, 'none.onnx'),
        '--name',
        'acme/none',
        '--licence',
        'MIT',
      ]);
      expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no file') });
    },
    minutes(1),
  );

  it(
    'can be taken back: people are told that it is gone',
    async () => {
      const withdrawn = cluster.watershed(['models', 'withdraw', 'acme/small', '1.0.0']);
      expect(withdrawn.code).toBe(0);
      const end = performance.now() + 20_000;
      let answer = await cluster.request('GET', '/v2/models/acme--small/ready', key);
      while (answer.status === 200 && performance.now() < end)
        answer = await cluster.request('GET', '/v2/models/acme--small/ready', key);
      expect(answer.status).not.toBe(200);
      const refused = await cluster.request('POST', '/v2/models/acme--small/infer', key, {
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 16], data: Array(16).fill(0) }],
      });
      expect(refused.body).toMatchObject({ code: expect.stringMatching(/^model_(unknown|not_ready)$/) });
    },
    minutes(1),
  );
});
