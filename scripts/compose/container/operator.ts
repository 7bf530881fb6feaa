import { lookup } from 'node:dns/promises';
import { existsSync, readFileSync } from 'node:fs';
import { basePort, containers, dataFolder, stackHosts } from './containers.js';
import { awaitAnswer } from './waiting.js';

const gatewayUrl = `http://gateway:${basePort}`;
/** The gateway writes the operator's API key here, in a volume that it shares with the operator's commands alone. */
const keyFile = '/operator/api-key';
/** The folder of the model that a new cluster begins with; an operator may withdraw it as any other. */
const firstModel = 'models/language-id';

async function resolves(name: string): Promise<boolean> {
  return lookup(name).then(
    () => true,
    () => false,
  );
}

/** What is wrong with the stack, from inside; the second runner is asked for where its profile has started it. */
async function runDoctor(): Promise<void> {
  const names = containers.map(({ name }) => name).filter((name) => name !== 'runner-gpu');
  if (await resolves('runner-gpu')) names.push('runner-gpu');
  process.argv.splice(2, process.argv.length, '--url', gatewayUrl, '--data', dataFolder, '--stack', names.join());
  await import('../../doctor/main.js');
}

/** The command line as the cluster's operator, from inside. */
export async function runOperator(args: readonly string[]): Promise<void> {
  process.env.WATERSHED_KEY ||= await awaitAnswer("the gateway to write the operator's key", async () =>
    existsSync(keyFile) ? readFileSync(keyFile, 'utf8').trim() : undefined,
  );
  // Nothing but the stack's containers is on the network between this one and the gateway.
  process.env.WATERSHED_INTERNAL_NETWORK = stackHosts.join();
  if (args[0] === 'doctor') return runDoctor();
  process.argv.splice(2, process.argv.length, '--url', gatewayUrl, '--data', dataFolder, ...args);
  await import('../../watershed/main.js');
}

/** Brings the model that the repository ships into a new cluster, and waits until it is served. */
export async function bringFirstModel(): Promise<void> {
  await awaitAnswer('the gateway to be ready', async () => {
    const answer = await fetch(`${gatewayUrl}/health/ready`, { signal: AbortSignal.timeout(2_000) }).catch(
      () => undefined,
    );
    return answer?.ok ? true : undefined;
  });
  await runOperator(['models', 'ensure', firstModel]);
}
