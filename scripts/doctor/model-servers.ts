import type { ProcessAddress } from './check.js';

/** What a runner's metrics say of the model server that it drives. */
export interface ModelServerSeen {
  readonly kind: string;
  readonly version: string;
  readonly live: boolean;
}

/** The model servers that these processes drive. */
export async function modelServers(processes: readonly ProcessAddress[]): Promise<ModelServerSeen[]> {
  const pages = await Promise.all(
    processes.map(async ({ metricsUrl }) => {
      const response = await fetch(metricsUrl, { signal: AbortSignal.timeout(5_000) });
      return response.text();
    }),
  );
  return pages.flatMap(readModelServers);
}

export function readModelServers(page: string): ModelServerSeen[] {
  return [...page.matchAll(/^watershed_runner_model_server\{([^}]*)\} ([01])$/gm)].map(([, labels = '', value]) => {
    const label = (name: string) => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
    return { kind: label('kind'), version: label('version'), live: value === '1' };
  });
}
