import { readFile } from 'node:fs/promises';
import { uuidv7 } from 'uuidv7';
import { type Database, isUniqueViolation } from '#persistence';
import { defaultPolicy } from '#policy';
import { replacePrivateFile } from '#sigil';
import type { Logger } from '#telemetry';
import { keyIdOf, matchesHash } from '../auth/engine/api-key.js';
import { firstKeyScopes } from '../auth/engine/scopes.js';
import type { KeysRepository } from '../keys/keys.repository.js';
import type { PeopleRepository } from './people.repository.js';

export interface OperatorAccountParts {
  readonly database: Database;
  readonly people: PeopleRepository;
  readonly keys: KeysRepository;
  readonly logger: Logger;
  readonly operatorId: string;
  readonly region: string;
  readonly keyFile: string;
}

const keyLabel = 'operator key file';

/**
 * The operator's account and the file with its key, made at the first start. May be killed anywhere: a key that never
 * reached the file is revoked by the next start, which writes another. A file that still opens the account is left as
 * it is, and so is one that holds something else than a key of ours.
 */
export async function ensureOperatorAccount(parts: OperatorAccountParts): Promise<void> {
  const { database, keys, keyFile, logger } = parts;
  const personId = await operatorPerson(parts);
  // One gateway at a time, or two would revoke each other's key and only the last file would open the account.
  await database.transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`operator-key ${keyFile}`}, 7))`;
    const present = await presentKey(keyFile);
    const keyId = present === undefined ? undefined : keyIdOf(present);
    const hash = keyId === undefined ? undefined : await keys.hashOf(keyId);
    if (present !== undefined && hash && matchesHash(present, hash)) return;
    await tx.gatewayApiKey.updateMany({
      where: { personId, label: keyLabel, revokedAt: null },
      data: { revokedAt: new Date() },
    });
    const { secret } = await keys.insert(tx, {
      personId,
      scopes: firstKeyScopes('operator'),
      label: keyLabel,
      first: true,
    });
    // Written before the commit: should the commit fail, the next start finds a key that opens nothing and replaces it.
    await replacePrivateFile(keyFile, `${secret}\n`);
    logger.info({ file: keyFile }, "the operator's API key was written");
  });
}

async function operatorPerson({ database, people, operatorId, region }: OperatorAccountParts): Promise<string> {
  const known = await people.operator(operatorId);
  if (known) return known.personId;
  const personId = uuidv7();
  try {
    await database.transaction((tx) =>
      people.insert(tx, {
        personId,
        role: 'operator',
        homeRegion: region,
        policy: defaultPolicy(region),
        label: 'operator',
        operatorId,
      }),
    );
    return personId;
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    const made = await people.operator(operatorId);
    if (!made) throw error;
    return made.personId;
  }
}

async function presentKey(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
