import { HostList, InternalNetwork, NodeRanges } from '#config';
import type { ServiceName } from '#contracts';
import { isWatershedError } from '#errors';
import { judgeNodeAddress } from './node-address.js';

const places = ['10.1.0.0/16', '203.0.113.7', 'fd00:1::/32', 'runner.example', '.pool.example'];
const listed = new NodeRanges(new InternalNetwork(['inner']), new HostList(places));
const unlisted = new NodeRanges(new InternalNetwork());

const tlsFingerprint = 'f'.repeat(64);

function refusal(
  url: string | undefined,
  ranges = listed,
  services: ServiceName[] = ['runner'],
  own = false,
  shown: { tlsFingerprint?: string } = { tlsFingerprint },
) {
  try {
    judgeNodeAddress({ url, services, ...shown }, ranges, own);
    return undefined;
  } catch (error) {
    if (!isWatershedError(error)) throw error;
    return { code: error.code, message: error.message };
  }
}

describe("a node's address", () => {
  it.each([
    'https://10.1.2.3:4105',
    'https://203.0.113.7',
    'https://[fd00:1::7]:4105',
    'https://[::ffff:10.1.2.3]:4105',
    'https://runner.example:4105',
    'https://RUNNER.example.:4105/',
    'https://seven.pool.example',
    // The URL's own forms of 10.1.2.3.
    'https://0xa.1.2.3',
    'https://012.1.2.3',
    'https://167838211',
    'https://10.1.515',
  ])('is taken where it lies in what the operator lists: %s', (url) => {
    expect(refusal(url)).toBeUndefined();
  });

  it.each([
    'https://10.2.0.1:4105',
    'https://203.0.113.8',
    'https://192.168.1.1',
    'https://127.0.0.1:5432',
    'https://localhost:5432',
    'https://2130706433:5432',
    'https://0x7f.1',
    'https://0177.0.0.1',
    'https://[::1]:5432',
    'https://[::ffff:127.0.0.1]:5432',
    'https://[::ffff:a9fe:a9fe]/latest/meta-data',
    'https://[::10.1.2.3]',
    'https://[64:ff9b::10.1.2.3]',
    'https://[fd00:2::7]',
    'https://inner:4105',
    'https://runner.example.evil.example',
    'https://10.1.2.3.evil.example',
    'https://pool.example',
    'https://xpool.example',
  ])('is refused elsewhere, with what to change: %s', (url) => {
    expect(refusal(url)).toEqual({
      code: 'node_address_refused',
      message: expect.stringContaining('WATERSHED_NODE_RANGES'),
    });
  });

  it.each([
    ['https://10.1.2.3@evil.example', 'login'],
    ['https://user:hunter2@10.1.2.3', 'login'],
    ['https://evil.example\\@10.1.2.3', 'does not lie'],
    ['https://evil.example#@10.1.2.3', 'does not lie'],
    ['file:///etc/passwd', 'neither http nor https'],
    ['redis://10.1.2.3:6379', 'neither http nor https'],
  ])('hides nothing: %s', (url, reason) => {
    const told = refusal(url);
    expect(told).toEqual({ code: 'node_address_refused', message: expect.stringContaining(reason) });
    expect(told?.message).not.toContain('hunter2');
  });

  it('lies on this machine or in private ranges where nothing is listed', () => {
    for (const url of ['http://127.0.0.1:4105', 'https://10.9.9.9', 'https://[fd12::7]'])
      expect([url, refusal(url, unlisted)]).toEqual([url, undefined]);
    for (const url of ['https://8.8.8.8', 'https://node.example', 'https://169.254.169.254'])
      expect([url, refusal(url, unlisted)?.code]).toEqual([url, 'node_address_refused']);
  });

  it("may lie in the internal network where the node is the first operator's", () => {
    for (const url of ['http://inner:4105', 'http://127.0.0.1:4105']) {
      expect(refusal(url, listed, ['runner'], true)).toBeUndefined();
      expect(refusal(url, listed, ['runner'], false)?.code).toBe('node_address_refused');
    }
  });

  it('comes with the certificate that is shown there, whoever else might vouch for it', () => {
    for (const url of ['https://10.1.2.3', 'https://runner.example', 'HTTPS://10.1.2.3']) {
      const told = refusal(url, listed, ['pod-host'], true, {});
      expect([url, told?.code, told?.message]).toEqual([
        url,
        'node_address_refused',
        expect.stringContaining('tlsFingerprint'),
      ]);
    }
    // A proxy shows another certificate to people, and authorities vouch for it.
    expect(refusal('https://watershed.example', listed, ['gateway'], true, {})).toBeUndefined();
  });

  it('speaks TLS wherever others can listen, in the ranges of nodes, too', () => {
    for (const url of ['http://10.1.2.3:4105', 'http://runner.example', 'http://[fd00:1::7]'])
      expect([url, refusal(url, listed, ['runner'], true)?.message]).toEqual([
        url,
        expect.stringContaining('plain text'),
      ]);
    expect(refusal('http://inner:4105', listed, ['runner'], true, {})).toBeUndefined();
    expect(refusal('http://127.0.0.1:4105', unlisted, ['runner'], false, {})).toBeUndefined();
  });

  it('is of no concern where no node brings content to it', () => {
    expect(refusal(undefined)).toBeUndefined();
    expect(refusal('https://watershed.example', listed, ['gateway'])).toBeUndefined();
    expect(refusal('https://watershed.example', listed, ['bridge'])).toBeUndefined();
    expect(refusal('https://watershed.example', listed, ['gateway', 'runner'])?.code).toBe('node_address_refused');
  });
});
