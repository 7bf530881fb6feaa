import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { migrationsFolder, readMigrations } from '#persistence';
import { replacePrivateFile } from '#sigil';

/**
 * What one service is told beyond its compose file: the cluster's id, and logins. It lies in the service's own volume,
 * because a container's environment can be read by whoever may look at containers.
 */
const settings = z.strictObject({
  /** The newest migration of the database that `init` has prepared. */
  dataVersion: z.string().min(1),
  env: z.record(z.string(), z.string()),
});
export type ServiceSettings = z.infer<typeof settings>;

const fileIn = (folder: string): string => join(folder, 'settings.json');

/** The newest migration that this code knows. */
export async function ownDataVersion(): Promise<string> {
  return (await readMigrations(migrationsFolder())).at(-1)?.name ?? '';
}

/** Writes a private file only where its text differs, so that an `init` that changes nothing touches nothing. */
export async function keepPrivateFile(file: string, text: string): Promise<void> {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  await replacePrivateFile(file, text);
}

export async function writeSettings(folder: string, value: ServiceSettings): Promise<void> {
  await keepPrivateFile(fileIn(folder), `${JSON.stringify(value, null, 2)}\n`);
}

/** What `init` has written; undefined where it has not been here yet. */
export function readSettings(folder: string): ServiceSettings | undefined {
  const file = fileIn(folder);
  return existsSync(file) ? settings.parse(JSON.parse(readFileSync(file, 'utf8'))) : undefined;
}
