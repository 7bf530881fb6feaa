import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { eventually, optionalTool } from '#testing';
import { FaultedCluster, passing } from './faulted-cluster.js';

const minutes = (n: number) => n * 60_000;

/** Enough for a cluster to begin on, and soon filled. */
const diskBytes = 448 * 2 ** 20;

/** A view of the file system in which a disk of our own is mounted: root's, or with a user namespace anybody's. */
const ownView = process.getuid?.() === 0 ? ['unshare', '-m'] : ['unshare', '-rm'];
const mount = `mount -t tmpfs -o size=${diskBytes},mode=0700 tmpfs "$0" && exec "$@"`;
const withDisk = (folder: string): string[] => [...ownView, 'sh', '-c', mount, folder];

function absence(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'watershed-disk-'));
  const [command = '', ...args] = withDisk(folder);
  const tried = spawnSync(command, [...args, 'true']);
  rmSync(folder, { recursive: true });
  if (tried.status !== 0) return 'no disk of a size can be mounted here (unshare, mount)';
  return process.env.WATERSHED_TEST_ALL ? undefined : 'takes minutes: npm run test:all';
}

/** Takes whatever room there is. */
function fill(file: string): void {
  const ballast = openSync(file, 'a');
  try {
    for (let bytes = 2 ** 20; bytes >= 2 ** 12; )
      try {
        if (writeSync(ballast, Buffer.alloc(bytes)) < bytes) bytes /= 2;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        bytes /= 2;
      }
  } finally {
    closeSync(ballast);
  }
}

optionalTool('full-disk', absence()).describe('a disk that is full', () => {
  let folder: string;
  let stand: FaultedCluster;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'watershed-e2e-'));
    const dataFolder = join(folder, 'data');
    stand = await FaultedCluster.start({ dataFolder, within: withDisk(folder) });
  }, minutes(4));

  afterAll(async () => {
    await stand?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, minutes(1));

  it(
    'is told to those who ask, costs nothing that was answered, and is over when there is room again',
    async () => {
      const ballast = stand.cluster.seen('ballast');
      const refused: unknown[] = [];
      await stand.survives(
        async () => {
          try {
            await eventually(
              async () => {
                fill(ballast);
                const { status, body } = await stand.infer();
                refused.push(body);
                expect([status, (body as { code: string }).code]).toEqual([507, 'storage_full']);
              },
              { timeoutMs: 60_000, intervalMs: 100 },
            );
          } finally {
            rmSync(ballast);
          }
        },
        { told: [...passing, 'storage_full'] },
      );
    },
    minutes(3),
  );

  it(
    'may even keep Postgres from writing its log: it falls, and rises when there is room again',
    async () => {
      const ballast = stand.cluster.seen('ballast');
      const client = new pg.Client(stand.databaseUrl);
      client.on('error', () => undefined); // the server goes while we are connected: that is the test
      await client.connect();
      await stand.survives(
        async () => {
          try {
            fill(ballast);
            await client.query('SELECT pg_switch_wal()').catch(() => undefined);
            await eventually(() => expect(stand.cluster.output).toContain('Postgres ended unasked'), {
              timeoutMs: 60_000,
            });
          } finally {
            rmSync(ballast);
            await client.end().catch(() => undefined);
          }
        },
        { told: [...passing, 'storage_full'] },
      );
    },
    minutes(3),
  );
});
