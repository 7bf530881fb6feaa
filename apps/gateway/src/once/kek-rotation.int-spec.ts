import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { uuidv7 } from 'uuidv7';
import { type Database, openDatabase } from '#persistence';
import { beginKekRotation, kekCheckValue, kekInForce, nextKekFile, openBytes, sealBytes } from '#seal';
import { readSecretKey } from '#sigil';
import { eventually, type TestDatabase, testDatabase } from '#testing';
import { ContentSeal, wrappedKeyContext } from './content-seal.js';
import { openContentBlind, openGatewayKek, proveGatewayKek } from './gateway-kek.js';

const root = join(import.meta.dirname, '../../../..');
const people = 40;
const batchSize = 9;

describe('rotating the key that wraps people’s keys', () => {
  let made: TestDatabase;
  let database: Database;
  let folder: string;
  let file: string;
  let sealed: { personId: string; text: string; bytes: Uint8Array }[];
  let blinded: Uint8Array;

  beforeAll(async () => {
    // What is killed below runs from the build.
    execFileSync(process.execPath, [join(root, 'scripts', 'build.mjs')]);
    made = await testDatabase();
    database = await openDatabase({ url: made.urlFor('gateway'), applicationName: 'rotation test' });
  }, 120_000);
  afterAll(async () => {
    await database.close();
    await made.close();
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'watershed-rotation-'));
    file = join(folder, 'kek.json');
    const kek = await openGatewayKek(database, file);
    const seal = new ContentSeal(database, kek);
    blinded = (await openContentBlind(database, kek)).blind('address', '192.0.2.1');
    sealed = [];
    for (let n = 0; n < people; n++) {
      const personId = uuidv7();
      await database.prisma.gatewayPerson.create({
        data: { personId, role: 'person', homeRegion: 'EU/FR', policy: {}, label: '' },
      });
      const text = `kept of ${n}`;
      sealed.push({ personId, text, bytes: await seal.seal(personId, Buffer.from(text), 'outcome') });
    }
  });
  afterEach(async () => {
    await database.pool.query('DELETE FROM gateway.person');
    await database.pool.query('DELETE FROM gateway.kek_check');
    await rm(folder, { recursive: true, force: true });
  });

  const wrapped = async () =>
    (
      await database.pool.query<{ person_id: string; wrapped_key: Buffer }>(
        'SELECT person_id, wrapped_key FROM gateway.person',
      )
    ).rows;
  const opensWith = async (key: Uint8Array): Promise<number> =>
    (await wrapped()).filter((row) => {
      try {
        return openBytes(key, row.wrapped_key, wrappedKeyContext(row.person_id)).byteLength === 32;
      } catch {
        return false;
      }
    }).length;
  const keyIn = async (at: string): Promise<Uint8Array> => {
    const key = await readSecretKey(at, 'kek');
    if (!key) throw new Error(`no key in ${at}`);
    return key;
  };
  /** Rotated to this key: what was sealed opens, what was blinded is found, and the key of before is worth nothing. */
  const rotated = async (kek: Uint8Array, before: Uint8Array, kept: string): Promise<void> => {
    const seal = new ContentSeal(database, kek);
    for (const { personId, text, bytes } of sealed) {
      expect((await seal.open(personId, bytes, 'outcome')).toString()).toBe(text);
    }
    expect((await openContentBlind(database, kek)).blind('address', '192.0.2.1')).toEqual(blinded);
    expect([await opensWith(kek), await opensWith(before)]).toEqual([people, 0]);
    expect(Buffer.from(await keyIn(file)).equals(kek)).toBe(true);
    expect((await readdir(folder)).sort()).toEqual(['kek.json', 'kept.json']);
    await expect(openGatewayKek(database, kept)).rejects.toMatchObject({ code: 'key_file_mismatch' });
  };
  const keepOld = async (): Promise<{ before: Uint8Array; kept: string }> => {
    const kept = join(folder, 'kept.json');
    await copyFile(file, kept);
    return { before: await keyIn(file), kept };
  };

  it('is proved beside gateways that run without being rotated under them, before, between and after', async () => {
    const { before, kept } = await keepOld();
    await proveGatewayKek(database, file);
    await beginKekRotation(file, 'kek');
    await proveGatewayKek(database, file);
    expect([await opensWith(before), await keyIn(file)]).toEqual([people, before]);
    // Every key is wrapped by the next one, and the file not yet named after it.
    const stop = new Error('broke off');
    const breaking = openGatewayKek(database, file, {
      reached: async (step) => {
        if (step === 'checked') throw stop;
      },
    });
    await expect(breaking).rejects.toBe(stop);
    await proveGatewayKek(database, file);
    expect(await keyIn(file)).toEqual(before);
    await openGatewayKek(database, file);
    await proveGatewayKek(database, file);
    await expect(proveGatewayKek(database, kept)).rejects.toMatchObject({ code: 'key_file_mismatch' });
  });

  it('wraps every key anew at the next opening; the old one is refused from then on', async () => {
    const { before, kept } = await keepOld();
    expect(await beginKekRotation(file, 'kek')).toBe(true);
    const next = await readFile(nextKekFile(file), 'utf8');
    expect(await beginKekRotation(file, 'kek')).toBe(false);
    expect(await readFile(nextKekFile(file), 'utf8')).toBe(next);
    const starting = async () => {
      const own = await openDatabase({ url: made.urlFor('gateway'), applicationName: 'starting', poolSize: 2 });
      return openGatewayKek(own, file, { batchSize }).finally(() => own.close());
    };
    const keys = await Promise.all([starting(), starting(), starting()]);
    expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
    expect(await readFile(file, 'utf8')).toBe(next);
    await rotated(await openGatewayKek(database, file), before, kept);
  });

  it('goes on where it broke off, at whichever step that was', async () => {
    // The first time no step is reached, then one more each time, until one goes through.
    for (let steps = 0, through = false; !through; steps++) {
      const { before, kept } = await keepOld();
      await beginKekRotation(file, 'kek');
      let left = steps;
      const breaks = async () => {
        if (left-- === 0) throw new Error('broken off');
      };
      through = await openGatewayKek(database, file, { batchSize, reached: breaks }).then(
        () => true,
        (error: Error) => {
          expect(error.message).toBe('broken off');
          return false;
        },
      );
      const next = through ? await keyIn(file) : await keyIn(nextKekFile(file));
      // Broken off or not, each key is wrapped by one of the two.
      expect((await opensWith(before)) + (await opensWith(next))).toBe(people);
      await rotated(await openGatewayKek(database, file, { batchSize }), before, kept);
      expect(steps).toBeLessThan(20);
    }
  });

  it.each([
    ['in the middle of the keys', 2],
    ['when every key is wrapped by the next one and the old one is still in force', 6],
    ['when all is done but the name of the file', 7],
  ])(
    'survives a kill -9 %s',
    async (_when, lines) => {
      const { before, kept } = await keepOld();
      await beginKekRotation(file, 'kek');
      const dist = (path: string) => JSON.stringify(join(root, 'dist', path));
      const child = spawn(
        process.execPath,
        [
          '--input-type=module',
          '-e',
          `const { openDatabase } = await import(${dist('libs/persistence/src/index.js')});
         const { openGatewayKek } = await import(${dist('apps/gateway/src/once/gateway-kek.js')});
         const database = await openDatabase({ url: process.env.URL_OF_TEST, applicationName: 'killed', poolSize: 2 });
         let reached = 0;
         await openGatewayKek(database, process.env.FILE_OF_TEST, { batchSize: ${batchSize}, reached: (step) => {
           console.log(step);
           return ++reached === ${lines} ? new Promise(() => undefined) : Promise.resolve();
         } });
         console.log('through');`,
        ],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
          env: { PATH: process.env.PATH, URL_OF_TEST: made.urlFor('gateway'), FILE_OF_TEST: file },
        },
      );
      const ended = once(child, 'close');
      const said: string[] = [];
      for await (const line of createInterface({ input: child.stdout })) {
        said.push(line);
        if (said.length === lines) child.kill('SIGKILL');
      }
      await ended;
      expect(said).toHaveLength(lines);
      const next = await keyIn(nextKekFile(file));
      const byNext = await opensWith(next);
      expect((await opensWith(before)) + byNext).toBe(people);
      expect(byNext).toBe(Math.min(people, lines * batchSize));
      await rotated(await openGatewayKek(database, file), before, kept);
    },
    30_000,
  );

  it('lets nobody keep a key who still holds the old one', async () => {
    const { before } = await keepOld();
    const personId = uuidv7();
    const data = { personId, role: 'person', homeRegion: 'EU/FR', policy: {}, label: '' };
    await database.prisma.gatewayPerson.create({ data });
    const running = new ContentSeal(database, before);
    await beginKekRotation(file, 'kek');
    const kek = await openGatewayKek(database, file);
    await expect(running.seal(personId, Buffer.from('late'), 'outcome')).rejects.toThrow('rotated');
    const kept = await new ContentSeal(database, kek).seal(personId, Buffer.from('in time'), 'outcome');
    expect((await new ContentSeal(database, kek).open(personId, kept, 'outcome')).toString()).toBe('in time');
    await expect(new ContentSeal(database, before).open(personId, kept, 'outcome')).rejects.toThrow();
  });

  it('waits for who is keeping a key by the old one, and takes that key along', async () => {
    const { before, kept } = await keepOld();
    const personId = uuidv7();
    const data = { personId, role: 'person', homeRegion: 'EU/FR', policy: {}, label: '' };
    await database.prisma.gatewayPerson.create({ data });
    const keeping = await database.pool.connect();
    await keeping.query('BEGIN');
    const { rowCount } = await keeping.query(
      `UPDATE gateway.person SET wrapped_key = $2 WHERE person_id = $1 AND ${kekInForce('gateway', 'kek', '$3')}`,
      [personId, sealBytes(before, Buffer.alloc(32, 5), wrappedKeyContext(personId)), kekCheckValue(before, 'kek')],
    );
    expect(rowCount).toBe(1);
    await beginKekRotation(file, 'kek');
    const own = await openDatabase({ url: made.urlFor('gateway'), applicationName: 'rotating', poolSize: 2 });
    const rotating = openGatewayKek(own, file).finally(() => own.close());
    await eventually(async () => {
      const { rows } = await database.pool.query(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'rotating' AND wait_event_type = 'Lock'",
      );
      expect(rows).toHaveLength(1);
    });
    await keeping.query('COMMIT');
    keeping.release();
    const kek = await rotating;
    expect([await opensWith(kek), await opensWith(before)]).toEqual([people + 1, 0]);
    await expect(openGatewayKek(database, kept)).rejects.toMatchObject({ code: 'key_file_mismatch' });
  });

  it('leaves a key that neither opens as it was, and rotates the others', async () => {
    const { before } = await keepOld();
    const damaged = Buffer.alloc(60, 7);
    const [lost] = sealed;
    await database.pool.query('UPDATE gateway.person SET wrapped_key = $2 WHERE person_id = $1', [
      lost?.personId,
      damaged,
    ]);
    await beginKekRotation(file, 'kek');
    const kek = await openGatewayKek(database, file);
    expect([await opensWith(kek), await opensWith(before)]).toEqual([people - 1, 0]);
    expect((await wrapped()).filter(({ wrapped_key: key }) => key.equals(damaged))).toHaveLength(1);
  });

  it('begins nowhere without a key to rotate from', async () => {
    await expect(beginKekRotation(join(folder, 'none.json'), 'kek')).rejects.toMatchObject({
      code: 'key_file_missing',
    });
    expect(await readdir(folder)).toEqual(['kek.json']);
  });
});
