import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/** What must never have a default: each is made by chance, for one cluster. */
export const secretVariables = ['POSTGRES_PASSWORD', 'REDIS_PASSWORD', 'WATERSHED_DATABASE_SECRET'] as const;

/** The text of an env file with every secret that was empty filled in; what was set stays as it is. */
export function withSecrets(text: string, fresh: () => string): { readonly text: string; readonly made: string[] } {
  const made: string[] = [];
  let filled = text;
  for (const name of secretVariables) {
    const line = new RegExp(`^${name}=(.*)$`, 'm');
    if ((line.exec(filled)?.[1] ?? '').trim() !== '') continue;
    made.push(name);
    const assignment = `${name}=${fresh()}`;
    filled = line.test(filled) ? filled.replace(line, assignment) : `${filled.trimEnd()}\n${assignment}\n`;
  }
  return { text: filled, made };
}

/** Makes or completes `file`, readable by its owner alone. Answers the names of the secrets that were made. */
export function writeSecrets(file: string, exampleFile: string): string[] {
  const { text, made } = withSecrets(readFileSync(existsSync(file) ? file : exampleFile, 'utf8'), () =>
    randomBytes(32).toString('base64url'),
  );
  if (made.length > 0) {
    writeFileSync(`${file}.tmp`, text, { mode: 0o600, flush: true });
    renameSync(`${file}.tmp`, file);
  }
  return made;
}
