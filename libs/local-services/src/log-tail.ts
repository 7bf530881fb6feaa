import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';

/** The last lines of a log file, for a message to a person; at most 4 KiB are read. */
export function logTail(file: string, lines = 3): string {
  if (!existsSync(file)) return '';
  const handle = openSync(file, 'r');
  try {
    const size = fstatSync(handle).size;
    const buffer = Buffer.alloc(Math.min(size, 4096));
    readSync(handle, buffer, 0, buffer.length, Math.max(0, size - buffer.length));
    return buffer.toString('utf8').trim().split('\n').slice(-lines).join(' | ');
  } finally {
    closeSync(handle);
  }
}
