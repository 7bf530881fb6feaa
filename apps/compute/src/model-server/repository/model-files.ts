import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfigJson } from '../config/config-json.js';
import { ConfigError, type ConfigMessage, emptyMessage } from '../config/config-message.js';
import { normalizeConfig } from '../config/model-config.js';
import { parsePbtxt } from '../config/pbtxt-parser.js';

/** What a load request carries: a configuration instead of the file's, and files instead of a folder's. */
export interface LoadOverride {
  readonly config?: string;
  /** Content by path in the model's folder, as `1/model.onnx`. Empty: the folder's files are used. */
  readonly files: ReadonlyMap<string, Buffer>;
}

export type ModelFile = { readonly path: string } | { readonly bytes: Uint8Array };

/** A model as it was found: configuration normalised but not yet completed from the model itself. */
export interface FoundModel {
  readonly config: ConfigMessage;
  /** Ascending. */
  readonly versions: readonly number[];
  /** Changes whenever configuration or files do; undefined where a load must never be skipped. */
  readonly fingerprint: string | undefined;
  readonly inline: boolean;
  file(version: number, filename: string): ModelFile;
  /** A text file beside the versions (labels); undefined where there is none. */
  text(filename: string): Promise<string | undefined>;
}

const MAX_CONFIG_BYTES = 1_048_576;
/** A name that cannot leave the folder it is looked up in. */
export const isPlainName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name);

const hasCode = (error: unknown, ...codes: string[]): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && codes.includes(String(error.code));

/** The version that a folder's name stands for; Triton ignores what is no number, zero, or starts with one. */
const versionOf = (name: string): number | undefined => {
  if (!/^[1-9]\d{0,15}$/.test(name)) return undefined;
  return Number.isSafeInteger(Number(name)) ? Number(name) : undefined;
};

/** A folder of models in Triton's layout: `<model>/config.pbtxt`, `<model>/<version>/model.onnx`. */
export class ModelFiles {
  constructor(private readonly root: string) {}

  /** The names of the folders, in order. */
  async names(): Promise<string[]> {
    const entries = await readdir(this.root, { withFileTypes: true });
    return entries
      .filter((entry) => (entry.isDirectory() || entry.isSymbolicLink()) && !entry.name.startsWith('.'))
      .map((entry) => entry.name)
      .sort();
  }

  /** Finds a model, from the folder or from a load request. Throws `ConfigError` where it cannot be used. */
  async find(name: string, override: LoadOverride): Promise<FoundModel> {
    if (!isPlainName(name)) throw new ConfigError('model not found in any model repository');
    return override.files.size > 0 ? findInline(name, override) : this.findFolder(name, override);
  }

  private async findFolder(name: string, override: LoadOverride): Promise<FoundModel> {
    const folder = join(this.root, name);
    const versions: number[] = [];
    const marks: string[] = [];
    try {
      for (const entry of await readdir(folder)) {
        const version = versionOf(entry);
        if (version === undefined) continue;
        if (!(await stat(join(folder, entry))).isDirectory()) continue;
        versions.push(version);
        marks.push(await markFolder(join(folder, entry)));
      }
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) throw new ConfigError('model not found in any model repository');
      throw error;
    }
    const written = override.config === undefined ? await readText(join(folder, 'config.pbtxt')) : undefined;
    const given = override.config !== undefined ? parseConfigJson(override.config) : parsePbtxt(written ?? '');
    return {
      config: normalizeConfig(given, name),
      versions: versions.sort((a, b) => a - b),
      fingerprint: override.config === undefined ? JSON.stringify([written, marks.sort()]) : undefined,
      inline: false,
      file: (version, filename) => ({ path: join(folder, String(version), filename) }),
      text: (filename) => (isPlainName(filename) ? readText(join(folder, filename)) : Promise.resolve(undefined)),
    };
  }
}

/** Triton wants a configuration beside files in a load request; it may be one of the files. */
function findInline(name: string, { config, files }: LoadOverride): FoundModel {
  const written = files.get('config.pbtxt')?.toString('utf8');
  if (config === undefined && written === undefined)
    throw new ConfigError('files in a load request need a configuration');
  const given = config !== undefined ? parseConfigJson(config) : parsePbtxt(written ?? '');
  const versions = new Set<number>();
  for (const path of files.keys()) {
    const [folder = '', file] = path.split('/');
    const version = versionOf(folder);
    if (path.split('/').some((part) => !isPlainName(part)))
      throw new ConfigError(`'${path}' is no path in a model's folder`);
    if (file !== undefined && version !== undefined) versions.add(version);
  }
  return {
    config: normalizeConfig(given ?? emptyMessage(), name),
    versions: [...versions].sort((a, b) => a - b),
    fingerprint: undefined,
    inline: true,
    file: (version, filename) => ({ bytes: files.get(`${version}/${filename}`) ?? Buffer.alloc(0) }),
    text: async (filename) => files.get(filename)?.toString('utf8'),
  };
}

async function markFolder(folder: string): Promise<string> {
  const marks: string[] = [];
  for (const entry of (await readdir(folder)).sort()) {
    const { size, mtimeMs, ino } = await stat(join(folder, entry));
    marks.push(`${entry}:${size}:${mtimeMs}:${ino}`);
  }
  return `${folder}=${marks.join(',')}`;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    if ((await stat(path)).size > MAX_CONFIG_BYTES) throw new ConfigError('a text file of the model is too large');
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EISDIR')) return undefined;
    throw error;
  }
}
