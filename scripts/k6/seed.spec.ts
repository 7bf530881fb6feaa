import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { seedPeople } from './seed.js';

/** A gateway that refuses the first sign-up and the first grant, because it is asked too often. */
function busyGateway(): { server: Server; asked: string[] } {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const again = asked.filter((each) => each === path).length;
    asked.push(path);
    const answer = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (again === 0) answer(429, { code: 'rate_limited', status: 429, detail: 'Too often.', retryAfterMs: 5 });
    else if (path === '/v1/people') answer(201, { person: { personId: `p${again}` }, key: { secret: `wsk_${again}` } });
    else answer(201, { balanceMicro: '5' });
  });
  return { server, asked };
}

it('waits where the gateway asks it to, and seeds everyone all the same', async () => {
  const { server, asked } = busyGateway();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const done: number[] = [];
    const onProgress = (count: number) => void done.push(count);
    const { people } = await seedPeople({ url, operatorKey: 'wsk_o', count: 2, amountMicro: '5', onProgress });
    expect(people).toEqual([
      { personId: 'p1', key: 'wsk_1' },
      { personId: 'p2', key: 'wsk_2' },
    ]);
    expect(done).toEqual([1, 2]);
    expect(asked.filter((path) => path === '/v1/people')).toHaveLength(3);
    expect(asked.filter((path) => path === '/v1/grants')).toHaveLength(3);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
