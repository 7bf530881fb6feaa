import pg from 'pg';

export interface OwnDatabase {
  readonly url: string;
  /** Removes it, with whoever is still connected. */
  stop(): Promise<void>;
}

/** An empty database of a bench's own, on the server that `postgresUrl` names with an administrator's login. */
export async function ownDatabase(postgresUrl: string, bench: string): Promise<OwnDatabase> {
  const name = `watershed_bench_${bench}_${process.pid}`;
  const url = new URL(postgresUrl);
  url.pathname = `/${name}`;
  await administer(postgresUrl, `CREATE DATABASE ${name}`);
  return { url: url.href, stop: () => administer(postgresUrl, `DROP DATABASE ${name} WITH (FORCE)`) };
}

async function administer(postgresUrl: string, statement: string): Promise<void> {
  const client = new pg.Client(postgresUrl);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
