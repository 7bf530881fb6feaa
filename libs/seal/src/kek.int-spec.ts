import { chmod, copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, openDatabase } from '#persistence';
import { createSecretKey, loadOrCreateSigil, loadSigil } from '#sigil';
import { type TestDatabase, testDatabase } from '#testing';
import { databaseKekLedger, openKek, type SealedSample, sealBytes } from './index.js';

let folder: string;
let made: TestDatabase;
let database: Database;

beforeAll(async () => {
  made = await testDatabase();
  database = await openDatabase({ url: made.urlFor('gateway'), applicationName: 'kek test' });
}, 60_000);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watershed-kek-'));
});
afterEach(async () => {
  await database.pool.query('DELETE FROM gateway.kek_check');
  await rm(folder, { recursive: true, force: true });
});
afterAll(async () => {
  await database.close();
  await made.close();
});

const file = () => join(folder, 'keys', 'kek');
const open = (at = file(), sample?: SealedSample) =>
  openKek({ file: at, purpose: 'kek', ledger: databaseKekLedger(database, 'gateway', 'kek', async () => sample) });
const checks = async () => (await database.pool.query('SELECT * FROM gateway.kek_check')).rows;

describe('the key-encryption key', () => {
  it('is made once, in a file for its owner alone, and is the same at every start', async () => {
    const key = await open();
    expect(key).toHaveLength(32);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(file(), 'utf8'))).toMatchObject({ purpose: 'kek' });
    expect(Buffer.from(await open()).equals(key)).toBe(true);
    const [row, ...more] = await checks();
    expect(more).toEqual([]);
    expect(row.check_value.includes(Buffer.from(key))).toBe(false);
  });

  it('is one key, however many start at once', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => open()));
    expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
  });

  it('of two machines that make the first one at once, one is refused and left without a key', async () => {
    const [one, two] = await Promise.allSettled([open(join(folder, 'one')), open(join(folder, 'two'))]);
    const refused = one?.status === 'rejected' ? one : two;
    expect([one?.status, two?.status].sort()).toEqual(['fulfilled', 'rejected']);
    expect(refused).toMatchObject({ reason: { code: 'key_file_missing' } });
    expect(await readdir(folder)).toHaveLength(1);
  });

  it('that is missing, or another than it was, is one clear error, and nothing is changed', async () => {
    await open();
    const before = await checks();
    await copyFile(file(), join(folder, 'kept'));
    await rm(file());
    await expect(open()).rejects.toMatchObject({ code: 'key_file_missing', message: expect.stringContaining(file()) });
    expect(await readdir(join(folder, 'keys'))).toEqual([]);
    await createSecretKey(file(), 'kek');
    const wrong = await readFile(file(), 'utf8');
    await expect(open()).rejects.toMatchObject({ code: 'key_file_mismatch' });
    expect(await readFile(file(), 'utf8')).toBe(wrong);
    expect(await checks()).toEqual(before);
    await copyFile(join(folder, 'kept'), file());
    await open();
  });

  it('that others may read, that is damaged, or that is for something else is refused, and told by its purpose', async () => {
    await open();
    await chmod(file(), 0o640);
    await expect(open()).rejects.toMatchObject({ code: 'key_file_mode' });
    await rm(file());
    await createSecretKey(file(), 'pod-kek');
    await expect(open()).rejects.toMatchObject({ code: 'key_file_purpose' });
    await expect(loadSigil(file(), 'grant')).rejects.toMatchObject({ code: 'key_file_purpose' });
    const grant = join(folder, 'keys', 'grant.json');
    await loadOrCreateSigil(grant, 'grant');
    await expect(open(grant)).rejects.toMatchObject({ code: 'key_file_purpose' });
    for (const text of ['{}', 'x', '{"type":"watershed/secret-key","purpose":"kek","secret":"short"}']) {
      await writeFile(file(), text, { mode: 0o600 });
      await expect(open()).rejects.toMatchObject({ code: 'key_file_corrupt' });
    }
  });

  it('from before there were check values must open what was sealed, and gets its purpose written in', async () => {
    const raw = Buffer.alloc(32, 7);
    const sample = { sealed: sealBytes(raw, Buffer.alloc(32), 'key/p'), context: 'key/p' };
    const old = join(folder, 'kek');
    await expect(open(old, sample)).rejects.toMatchObject({ code: 'key_file_missing' });
    await writeFile(old, `${Buffer.alloc(32, 8).toString('base64url')}\n`, { mode: 0o600 });
    await expect(open(old, sample)).rejects.toMatchObject({ code: 'key_file_mismatch' });
    expect(await checks()).toEqual([]);
    await writeFile(old, `${raw.toString('base64url')}\n`, { mode: 0o600 });
    expect(Buffer.from(await open(old, sample)).equals(raw)).toBe(true);
    expect(JSON.parse(await readFile(old, 'utf8'))).toMatchObject({
      purpose: 'kek',
      secret: raw.toString('base64url'),
    });
    expect(Buffer.from(await open(old)).equals(raw)).toBe(true);
  });

  it('made by a start that was killed before the database knew is taken by the next', async () => {
    const key = await createSecretKey(file(), 'kek');
    expect(Buffer.from(await open()).equals(key)).toBe(true);
    expect(await checks()).toHaveLength(1);
  });
});
