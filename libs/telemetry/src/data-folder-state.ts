import { existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Folders of a data folder in which every file is a secret; of the folder itself only the file with the passwords. */
const secretFolders = ['identity', 'keys', 'nodes', 'operator'];

/** Secret files of a data folder, and those among them that others than their owner may read. */
export function secretFiles(dataFolder: string): { readonly all: readonly string[]; readonly open: readonly string[] } {
  const all = ['.', ...secretFolders].flatMap((folder) => {
    const path = join(dataFolder, folder);
    if (!existsSync(path)) return [];
    return readdirSync(path)
      .filter((name) => folder !== '.' || name === 'secrets.json')
      .map((name) => join(path, name))
      .filter((file) => statSync(file).isFile());
  });
  return { all, open: all.filter((file) => (statSync(file).mode & 0o077) !== 0) };
}

/** What an unprivileged process may still write there. */
export function freeBytes(folder: string): number {
  const room = statfsSync(folder);
  return room.bavail * room.bsize;
}
