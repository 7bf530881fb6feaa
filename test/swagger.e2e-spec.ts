import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { optionalTool } from '#testing';
import { borrowCluster } from './shared-cluster.js';
import type { ReachableCluster } from './started-cluster.js';

const minutes = (n: number) => n * 60_000;

/** A Chromium of this machine: CHROMIUM_PATH, else by the names under which distributions have it. */
function browserPath(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const candidates = [
    ...(process.env.CHROMIUM_PATH ? [process.env.CHROMIUM_PATH] : []),
    ...names.flatMap((name) => folders.map((folder) => join(folder, name))),
  ];
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false; // not there, or not to be run
    }
  });
}

const executablePath = browserPath();
const tool = optionalTool('chromium', executablePath ? undefined : 'no Chromium on the PATH, and no CHROMIUM_PATH');

tool.describe('Swagger UI in a browser', () => {
  let cluster: ReachableCluster;
  let giveBack: () => Promise<void>;
  let browser: Browser;
  let page: Page;
  let key: string;
  /** What the page complained of: its own errors, and what its security policy kept out. */
  let complaints: string[];

  beforeAll(async () => {
    ({ cluster, close: giveBack } = await borrowCluster());
    key = await cluster.signUp();
    // Root in a container has no user namespaces; this browser sees one page of ours.
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  }, minutes(4));

  beforeEach(async () => {
    complaints = [];
    page = await browser.newPage();
    page.setDefaultTimeout(15_000);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    await page.goto(`${cluster.url}/docs`);
    await page.getByRole('heading', { name: /Watershed gateway/ }).waitFor();
  });

  afterEach(() => page?.close());

  afterAll(async () => {
    await browser?.close();
    await giveBack?.();
  }, minutes(1));

  const authorise = async (scheme: RegExp, value: string) => {
    await page.getByRole('button', { name: 'Authorize', exact: true }).first().click();
    const dialog = page.locator('.modal-ux');
    const form = dialog.locator('.auth-container').filter({ hasText: scheme });
    await form.locator('input').fill(value);
    await form.getByRole('button', { name: /apply credentials|authorize/i }).click();
    await form.getByRole('button', { name: /logout|remove authorization/i }).waitFor();
    await form.getByRole('button', { name: 'Close', exact: true }).click();
  };

  /** The first JSON that is shown there, without the buttons around it. */
  const jsonIn = async (place: Locator): Promise<unknown> =>
    JSON.parse((await place.locator('.highlight-code code').first().textContent()) ?? '');

  /** Runs an operation with the example that stands there; the status and the body that the page then shows. */
  const run = async (operation: string) => {
    const block = page.locator(`#operations-${operation}`);
    await block.locator('.opblock-summary-control').click();
    await block.getByRole('button', { name: 'Execute' }).click();
    const answer = block.locator('.live-responses-table .response');
    await answer.waitFor();
    return {
      status: (await answer.locator('.response-col_status').textContent())?.trim(),
      body: await jsonIn(answer),
    };
  };

  it.each([
    ['an API key', /X-API-Key/, async () => key],
    [
      'a bearer token',
      /http, Bearer/i,
      async () => {
        const { status, body } = await cluster.request('POST', '/v1/token', key, {});
        expect(status).toBe(200);
        return (body as { token: string }).token;
      },
    ],
  ])(
    'authorises with %s, and runs the example of a text',
    async (_, scheme, secret) => {
      await authorise(scheme, await secret());
      const { status, body } = await run('compute-inferText');
      expect(status).toMatch(/^200/);
      expect(body).toMatchObject({
        model: 'watershed/language-id',
        labels: expect.arrayContaining([expect.objectContaining({ label: 'it' })]),
        cost: { asset: 'drop' },
      });
      expect(complaints).toEqual([]);
    },
    60_000,
  );

  it('shows a problem with its code to whoever has not authorised', async () => {
    const { status, body } = await run('compute-inferText');
    expect(status).toMatch(/^401/);
    expect(body).toMatchObject({ code: 'unauthenticated', status: 401 });
  }, 60_000);

  it('shows examples of answers as they are, not as a pattern could be', async () => {
    const block = page.locator('#operations-compute-inferText');
    await block.locator('.opblock-summary-control').click();
    await block.getByRole('button', { name: 'Execute' }).waitFor();
    const [success, refusal] = await Promise.all(
      ['200', '402'].map(async (status) => {
        const row = block.locator(`.response[data-code="${status}"]`);
        return jsonIn(row);
      }),
    );
    expect(success).toMatchObject({ model: 'watershed/language-id', version: '1.0.0', cost: { asset: 'drop' } });
    expect(refusal).toMatchObject({ code: 'purse_empty', status: 402, title: 'The purse is empty' });
    expect(complaints).toEqual([]);
  }, 60_000);
});
