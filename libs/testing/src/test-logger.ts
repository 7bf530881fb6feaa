import { Writable } from 'node:stream';
import pino from 'pino';

export interface LogLine {
  readonly level: number;
  readonly msg?: string;
  readonly [member: string]: unknown;
}
export type TestLogger = pino.Logger & { readonly lines: readonly LogLine[] };

/** A logger that prints nothing and keeps what was said in `lines`. */
export function testLogger(level: pino.Level = 'debug'): TestLogger {
  const lines: LogLine[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)) as LogLine);
      done();
    },
  });
  return Object.assign(pino({ level, base: null }, stream), { lines });
}
