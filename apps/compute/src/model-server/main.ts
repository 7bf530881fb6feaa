// The model server as a program: see cli-options.ts for its arguments. A parent that starts it with an IPC channel is told
// `{listening: {url, metricsUrl}}` and may send `{kill: {id, model, version?}}`, which is answered `{killed: {id, found}}` when
// the processes are gone; it is told `{died: {model, version}}` when the process of a model that served has ended. With WATERSHED_PARENT_PIPE=1 it ends when its standard input does.
import type { Tracing } from '#telemetry';
import { readCommandLine, UsageError, usage } from './cli-options.js';
import { ModelServerStartError, startModelServer } from './model-server.js';

function fail(message: string, code: number): never {
  console.error(`model-server: ${message.replaceAll('\n', ' ')}`);
  process.exit(code);
}

function isKill(message: unknown): message is { kill: { id: number; model: string; version?: number } } {
  if (typeof message !== 'object' || message === null || !('kill' in message)) return false;
  const { kill } = message;
  return typeof kill === 'object' && kill !== null && 'model' in kill && typeof kill.model === 'string';
}

async function tracingTo(endpoint: string | undefined): Promise<Tracing | undefined> {
  if (!endpoint) return undefined;
  // Loaded only where it is wanted: this process is to be small.
  const [{ openOtlpTracing }, { internalNetworkOf, refusePlain }] = await Promise.all([
    import('#telemetry'),
    import('#config'),
  ]);
  // A runner has judged the address by its own settings, which it does not hand on.
  if (process.env.WATERSHED_PARENT_PIPE !== '1')
    refusePlain('the model server', 'OTEL_EXPORTER_OTLP_ENDPOINT', endpoint, internalNetworkOf(process.env));
  const onFailure = (reason: string) => console.error(`model-server: no traces are taken: ${reason}`);
  return openOtlpTracing({ service: 'model-server', endpoint, onFailure });
}

async function main(): Promise<void> {
  const options = readCommandLine(process.argv.slice(2));
  if (options === 'help') return console.log(usage);
  const onFault = (error: unknown) =>
    console.error(`model-server: ${error instanceof Error ? error.stack : String(error)}`);
  const tracing = await tracingTo(process.env.OTEL_EXPORTER_OTLP_ENDPOINT);
  const onModelDied = (model: string, version: number) => void process.send?.({ died: { model, version } });
  const server = await startModelServer({ ...options, onFault, onModelDied, tracing });
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await server.close();
    await tracing?.close();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
  process.on('message', (message) => {
    if (!isKill(message)) return;
    const { id, model, version } = message.kill;
    void server.killModel(model, version).then((found) => process.send?.({ killed: { id, found } }));
  });
  process.on('disconnect', () => void stop());
  if (process.env.WATERSHED_PARENT_PIPE === '1') {
    process.stdin.on('end', () => void stop());
    process.stdin.on('error', () => void stop());
    process.stdin.resume();
  }
  process.send?.({ listening: { url: server.url, metricsUrl: server.metricsUrl } });
  console.log(`listening on ${server.url}, metrics on ${server.metricsUrl}`);
}

main().catch((error: unknown) => {
  if (error instanceof UsageError) fail(error.message, 2);
  if (error instanceof ModelServerStartError) fail(error.message, 1);
  if (error instanceof Error && error.name === 'ConfigError') fail(error.message, 2);
  fail(error instanceof Error ? (error.stack ?? error.message) : String(error), 1);
});
