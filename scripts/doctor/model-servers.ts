/** What a runner's metrics say of the model server that it drives. */
export interface ModelServerSeen {
  readonly kind: string;
  readonly version: string;
  readonly live: boolean;
}

/** The model servers that the processes behind these metrics ports drive. */
export async function modelServers(metricsPorts: readonly number[]): Promise<ModelServerSeen[]> {
  const pages = await Promise.all(
    metricsPorts.map(async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(5_000) });
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
