import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '#local-services';
import { ownDataVersion, readSettings, writeSettings } from './settings.js';
import { awaitAnswer, awaitServer } from './waiting.js';

describe('a service’s settings', () => {
  const folder = mkdtempSync(join(tmpdir(), 'watershed-settings-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are absent before init, private after it, and left alone by an init that changes nothing', async () => {
    expect(readSettings(folder)).toBeUndefined();
    const settings = { dataVersion: '20260101000000_first', env: { WATERSHED_REDIS_URL: 'redis://redis:6379' } };
    await writeSettings(folder, settings);
    expect(readSettings(folder)).toEqual(settings);
    const written = statSync(join(folder, 'settings.json'));
    expect(written.mode & 0o777).toBe(0o600);
    await writeSettings(folder, settings);
    expect(statSync(join(folder, 'settings.json')).ino).toBe(written.ino);
    await writeSettings(folder, { ...settings, dataVersion: '20260102000000_second' });
    expect(readSettings(folder)?.dataVersion).toBe('20260102000000_second');
  });

  it('name the newest migration of this code in the form that orders them', async () => {
    expect(await ownDataVersion()).toMatch(/^\d{14}_[a-z0-9_]+$/);
  });
});

describe('waiting', () => {
  it('asks until there is an answer, and says what was missing when none came in time', async () => {
    const answers = [undefined, undefined, 'there'];
    await expect(awaitAnswer('it', async () => answers.shift())).resolves.toBe('there');
    await expect(awaitAnswer('the tide', async () => undefined, 60)).rejects.toThrow('Waited 0.06 s for the tide.');
  });

  it('goes on when a server begins to listen', async () => {
    const port = await freePort();
    const waiting = awaitServer('it', `redis://someone:secret@127.0.0.1:${port}`, 6379);
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    await waiting;
    await new Promise((resolve) => server.close(resolve));
  });
});
