import { envPrefix } from '../../start/env-prefix.js';
import { containers, dataFolder } from './containers.js';
import { ownDataVersion, readSettings } from './settings.js';
import { awaitAnswer, awaitServer, WaitedInVainError } from './waiting.js';

/** Waits for what one container needs, then becomes its service. */
export async function runService(name: string): Promise<void> {
  const container = containers.find((each) => each.name === name);
  if (!container) throw new WaitedInVainError(`No service is called "${name}".`);
  const ours = await ownDataVersion();
  const { env } = await awaitAnswer('the init container to finish (see its log)', async () => {
    const found = readSettings(dataFolder);
    // After an upgrade the old settings still lie there until the new init has migrated the database.
    if (!found || found.dataVersion < ours) return undefined;
    if (found.dataVersion === ours) return found;
    throw new WaitedInVainError(
      `The data was migrated to ${found.dataVersion}, this image knows ${ours}: use a newer one.`,
    );
  });
  const redis = env[`${envPrefix(container.service)}_REDIS_URL`] ?? env.WATERSHED_REDIS_URL;
  await awaitServer('Redis', redis ?? '', 6379);
  const database = env[`${envPrefix(container.service)}_DATABASE_URL`];
  if (database) await awaitServer('Postgres', database, 5432);
  // What the operator set in the compose file counts more; an empty variable is how such a file says "unset".
  for (const [key, value] of Object.entries(env)) if (!process.env[key]) process.env[key] = value;
  process.argv.splice(2, process.argv.length, '--services', container.service);
  await import('../../host/main.js');
}
