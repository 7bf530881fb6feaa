import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '#testing';
import { NodeProcess } from './node-process.js';

/** Gives up once, after it did this with its log; then it runs until its standard input ends. */
const frail = (before: string) => `
const fs = require('node:fs');
const [log, marker] = process.argv.slice(2);
if (fs.existsSync(marker)) process.stdin.resume().on('end', () => process.exit(0));
else {
  fs.writeFileSync(marker, '');
  ${before};
  process.exit(3);
}`;

describe('a process of the cluster that gave up', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'watershed-process-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['is started again, and its last words are told', "console.log('no room')", 'ended with code 3 (no room);'],
    ['whose log was removed is started again', 'fs.rmSync(log)', 'ended with code 3;'],
    ['whose log has gigabytes is started again', 'fs.truncateSync(log, 3 * 2 ** 30)', 'ended with code 3'],
  ])('%s', async (_, before, told) => {
    const [script, logFile, marker] = ['frail.cjs', 'frail.log', 'marker'].map((name) => join(folder, name));
    if (!script || !logFile || !marker) throw new Error('three names were given');
    writeFileSync(script, frail(before));
    const lines: string[] = [];
    const running = new NodeProcess({
      ...{ name: 'frail', script, args: [logFile, marker], env: process.env, logFile, graceMs: 5_000 },
      onLine: (line) => void lines.push(line),
    });
    running.start();
    const first = running.pid;
    await eventually(() => running.pid !== undefined && running.pid !== first);
    await running.stop();
    expect(lines).toEqual([expect.stringContaining(told)]);
  });
});
