import { tritonFolder } from '#local-services';
import { setUpTriton } from '../triton/set-up.js';
import type { Screen } from './screen.js';
import { StartError } from './start.errors.js';

interface ModelServerOptions {
  readonly root: string;
  /** Whether models are to be served by a Triton of our own. */
  readonly triton: boolean;
  readonly screen: Pick<Screen, 'progress'>;
  readonly signal: AbortSignal;
  readonly inherited?: NodeJS.ProcessEnv;
}

/**
 * What the runner is told about its model server, beyond what the operator's environment says. The runner starts and ends
 * a Triton of its own as it does the embedded server; here it is only made sure that there is one to start.
 */
export async function modelServerSettings(options: ModelServerOptions): Promise<NodeJS.ProcessEnv> {
  const { root, triton, screen, signal, inherited = process.env } = options;
  if (!triton) return {};
  if (inherited.TRITON_URL)
    throw new StartError(
      'usage',
      '--triton starts a Triton of its own and TRITON_URL names another one: leave one of the two out.',
    );
  const { version } = await setUpTriton({ root, signal, onProgress: (line) => screen.progress(line) });
  screen.progress(`models are served by Triton ${version}`);
  return { TRITON_INSTALLATION: tritonFolder(root) };
}
