import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  delegationFileOf,
  ensureClusterIdentity,
  type KeyFileError,
  keyFileOf,
  loadOrCreateSigil,
  loadSigil,
  nextRootFileOf,
  operationalPurposes,
  readDelegation,
  rootFileOf,
  verifyDelegation,
} from './index.js';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sigil-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

async function problem(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: KeyFileError) => error.code,
  );
}

describe('a key file', () => {
  it('is made once, for its owner alone, and read again as the same key', async () => {
    const file = join(dataDir, 'keys', 'model.json');
    const made = await loadOrCreateSigil(file, 'model');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(dataDir, 'keys'))).mode & 0o777).toBe(0o700);
    expect((await loadOrCreateSigil(file, 'model')).thumbprint).toBe(made.thumbprint);
    expect((await loadSigil(file, 'model')).exportPrivateJwk()).toEqual(made.exportPrivateJwk());
    expect(await readdir(join(dataDir, 'keys'))).toEqual(['model.json']);
  });

  it('is one key, however many make it at once', async () => {
    const file = join(dataDir, 'model.json');
    const made = await Promise.all(Array.from({ length: 20 }, () => loadOrCreateSigil(file, 'model')));
    expect(new Set(made.map(({ thumbprint }) => thumbprint)).size).toBe(1);
    expect(await readdir(dataDir)).toEqual(['model.json']);
  });

  it('is refused for another purpose, when others may read it, and when it is damaged', async () => {
    const file = join(dataDir, 'k.json');
    await loadOrCreateSigil(file, 'model');
    expect(await problem(loadOrCreateSigil(file, 'price'))).toBe('key_file_purpose');
    for (const mode of [0o640, 0o604, 0o601]) {
      await chmod(file, mode);
      expect(await problem(loadOrCreateSigil(file, 'model'))).toBe('key_file_mode');
    }
    await chmod(file, 0o600);
    const text = await readFile(file, 'utf8');
    const other = await loadOrCreateSigil(join(dataDir, 'o.json'), 'model');
    for (const damaged of [
      '',
      text.slice(0, -20),
      '{}',
      text.replace(/"x": ".{43}"/, `"x": "${other.publicJwk.x}"`),
      text.replace(/"d": ".{43}"/, `"d": "${'A'.repeat(43)}"`),
    ]) {
      await writeFile(file, damaged);
      expect(await problem(loadOrCreateSigil(file, 'model'))).toBe('key_file_corrupt');
      expect(await readFile(file, 'utf8')).toBe(damaged); // never made anew over what was there
    }
    expect(await problem(loadSigil(join(dataDir, 'none.json'), 'model'))).toBe('key_file_missing');
  });

  it('leaves no secret behind that a killed process had half written', async () => {
    const abandoned = join(dataDir, 'k.json.tmp-00');
    await writeFile(abandoned, 'secret', { mode: 0o600 });
    const longAgo = new Date(Date.now() - 3_600_000);
    await utimes(abandoned, longAgo, longAgo);
    await loadOrCreateSigil(join(dataDir, 'k.json'), 'model');
    expect(await readdir(dataDir)).toEqual(['k.json']);
  });
});

describe('a cluster’s identity', () => {
  it('is made whole, proves itself, and is the same the next time', async () => {
    const identity = await ensureClusterIdentity({ dataDir });
    await verifyDelegation(identity.delegation);
    expect(identity.clusterId).toBe((await loadSigil(rootFileOf(dataDir), 'root')).thumbprint);
    expect(identity.delegation.nextRootHash).toBe((await loadSigil(nextRootFileOf(dataDir), 'root')).thumbprint);
    for (const purpose of [...operationalPurposes, 'operator'] as const) {
      const { publicJwk } = await loadSigil(identity.keyFile(purpose), purpose);
      expect(identity.delegation.keys.filter((each) => each.purpose === purpose).map((each) => each.key)).toEqual([
        publicJwk,
      ]);
    }
    expect(await ensureClusterIdentity({ dataDir })).toMatchObject({ delegation: identity.delegation });
  });

  it('goes on where it was killed, whichever file was the last', async () => {
    const { clusterId, delegation } = await ensureClusterIdentity({ dataDir });
    const order = [
      rootFileOf(dataDir),
      nextRootFileOf(dataDir),
      ...operationalPurposes.map((p) => keyFileOf(dataDir, p)),
      keyFileOf(dataDir, 'operator'),
      delegationFileOf(dataDir),
    ];
    for (let written = 1; written < order.length; written += 1) {
      for (const file of order.slice(written)) await rm(file, { force: true });
      const again = await ensureClusterIdentity({ dataDir });
      expect(again.clusterId).toBe(clusterId);
      expect(again.delegation.epoch).toBe(1);
      await verifyDelegation(again.delegation);
    }
    expect(delegation.epoch).toBe(1);
  });

  it('does without its roots and the operator’s key once it is made, and says when it needs the root', async () => {
    const { clusterId } = await ensureClusterIdentity({ dataDir });
    for (const file of [rootFileOf(dataDir), nextRootFileOf(dataDir), keyFileOf(dataDir, 'operator')]) await rm(file);
    expect((await ensureClusterIdentity({ dataDir })).clusterId).toBe(clusterId);
    expect(await problem(stat(keyFileOf(dataDir, 'operator')))).toBe('ENOENT');
    await rm(keyFileOf(dataDir, 'price'));
    expect(await problem(ensureClusterIdentity({ dataDir }))).toBe('key_file_missing');
  });

  it('delegates anew, under a higher epoch, when a key was lost or its time runs out', async () => {
    const first = await ensureClusterIdentity({ dataDir });
    await rm(keyFileOf(dataDir, 'price'));
    const second = await ensureClusterIdentity({ dataDir });
    expect([second.clusterId, second.delegation.epoch]).toEqual([first.clusterId, 2]);
    const late = new Date(Date.now() + 350 * 86_400_000);
    const third = await ensureClusterIdentity({ dataDir, now: () => late });
    expect(third.delegation.epoch).toBe(3);
    expect(third.delegation.keys.map((each) => each.key)).toEqual(second.delegation.keys.map((each) => each.key));
  });

  it('refuses another cluster’s root and a delegation that was tampered with', async () => {
    await ensureClusterIdentity({ dataDir });
    await rm(rootFileOf(dataDir));
    await loadOrCreateSigil(rootFileOf(dataDir), 'root');
    await rm(keyFileOf(dataDir, 'price'));
    expect(await problem(ensureClusterIdentity({ dataDir }))).toBe('key_file_mismatch');
    const text = await readFile(delegationFileOf(dataDir), 'utf8');
    await writeFile(delegationFileOf(dataDir), text.replace('"epoch": 1', '"epoch": 7'));
    expect(await problem(readDelegation(dataDir))).toBe('key_file_corrupt');
  });

  it('needs a folder it may write, and says which file it could not', async () => {
    await mkdir(join(dataDir, 'identity'));
    await writeFile(join(dataDir, 'keys'), 'a file where a folder should be');
    await expect(ensureClusterIdentity({ dataDir })).rejects.toThrow(/keys/);
  });
});
