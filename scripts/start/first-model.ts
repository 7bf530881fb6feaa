import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { DataFolder } from './data-folder.js';
import type { Screen } from './screen.js';
import { StartError } from './start.errors.js';

/** The model that a new cluster begins with; an operator may withdraw it as any other. */
export const firstModel = 'watershed/language-id';

interface FirstModelOptions {
  readonly root: string;
  readonly data: DataFolder;
  readonly gatewayUrl: string;
  readonly gatewayFingerprint: string | undefined;
  readonly screen: Screen;
}

/**
 * Brings the model that the repository ships into a new cluster, by the same command an operator uses for a model of
 * their own. A later start only waits until it is served again.
 */
export async function ensureFirstModel({
  root,
  data,
  gatewayUrl,
  gatewayFingerprint,
  screen,
}: FirstModelOptions): Promise<void> {
  const folder = join(root, 'models', 'language-id');
  const child = spawn(
    process.execPath,
    [
      ...[join(root, 'dist/scripts/watershed/main.js'), 'models', 'ensure', folder],
      ...['--url', gatewayUrl, '--data', data.path],
      ...(gatewayFingerprint ? ['--fingerprint', gatewayFingerprint] : []),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) {
    const reason = complaint.trim().split('\n').pop() ?? 'no reason given';
    throw new StartError('service_failed', `The model ${firstModel} could not be brought in: ${reason}`);
  }
  screen.progress(`${firstModel} is served`);
}
