import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface RecordedBody {
  readonly text?: string;
  readonly base64?: string;
}

/** One exchange with a real server, in the order in which it was made. */
export interface Exchange {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: RecordedBody | null;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: RecordedBody | null;
  };
}

/** An answer as it is compared: headers in lower case, the body as it was sent. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export const bodyOf = (body: RecordedBody | null): Buffer => {
  if (body?.base64 !== undefined) return Buffer.from(body.base64, 'base64');
  return Buffer.from(body?.text ?? '', 'utf8');
};

export const recordedAnswer = ({ response }: Exchange): Answer => ({
  status: response.status,
  headers: response.headers,
  body: bodyOf(response.body),
});

/** Where recordings and models lie; found from the sources and from the build alike. */
export function fixtures(): { exchanges: readonly Exchange[]; models: string } {
  const own = fileURLToPath(import.meta.url);
  const root = own.slice(0, own.search(/(dist\/)?apps\/compute\/src\/model-server/));
  const folder = `${root}apps/compute/fixtures/triton/`;
  const { exchanges } = JSON.parse(readFileSync(`${folder}exchanges.json`, 'utf8')) as { exchanges: Exchange[] };
  return { exchanges, models: `${folder}models` };
}
