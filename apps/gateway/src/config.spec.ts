import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CertificateFiles, certificateFiles } from '#testing';
import { gatewayConfig } from './config.js';

const env = {
  WATERSHED_CLUSTER_ID: 'a'.repeat(43),
  WATERSHED_CLUSTER_NAME: 'Lyon',
  WATERSHED_REGION: 'EU/FR',
  WATERSHED_DATA_DIR: '/tmp/x',
  WATERSHED_REDIS_URL: 'redis://127.0.0.1:6379',
  GATEWAY_DATABASE_URL: 'postgres://127.0.0.1/db',
};

let folder: string;
let own: CertificateFiles;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'watershed-gateway-config-'));
  own = certificateFiles(folder, ['gateway.example']);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('where the gateway listens', () => {
  it.each([
    [{ GATEWAY_HOST: '0.0.0.0' }, /GATEWAY_HOST: would take keys and content in plain text/],
    [{ GATEWAY_HOST: '::' }, /GATEWAY_HOST: would/],
    [{ GATEWAY_HOST: '10.0.0.5' }, /GATEWAY_HOST: would/],
    [{ GATEWAY_HOST: '127.0.0.1', GATEWAY_PUBLISHED_ADDRESS: '0.0.0.0' }, /GATEWAY_PUBLISHED_ADDRESS: would/],
  ])('%p is refused without TLS, with what to change', (where, problem) => {
    expect(() => gatewayConfig({ ...env, ...where })).toThrow(problem);
    expect(() => gatewayConfig({ ...env, ...where })).toThrow(/GATEWAY_TLS_CERT_FILE.*GATEWAY_BEHIND_TLS_PROXY=true/);
    const files = { GATEWAY_TLS_CERT_FILE: own.certFile, GATEWAY_TLS_KEY_FILE: own.keyFile };
    expect(gatewayConfig({ ...env, ...where, ...files }).tls?.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(gatewayConfig({ ...env, ...where, GATEWAY_BEHIND_TLS_PROXY: 'true' }).tls).toBeUndefined();
  });

  it.each([
    {},
    { GATEWAY_HOST: '::1' },
    { GATEWAY_HOST: '10.0.0.5', WATERSHED_INTERNAL_NETWORK: '10.0.0.0/24' },
    // A container's own address is nobody's but the engine's, which publishes it on this machine.
    { GATEWAY_HOST: '0.0.0.0', GATEWAY_PUBLISHED_ADDRESS: '127.0.0.1' },
  ])('%p may speak HTTP', (where) => {
    expect(gatewayConfig({ ...env, ...where }).tls).toBeUndefined();
  });
});

it('takes the keys of foreign issuers over TLS alone', () => {
  const issuers = (jwksUri: string) =>
    JSON.stringify([{ issuer: 'https://id.example', jwksUri, audience: 'watershed' }]);
  const plain = { ...env, GATEWAY_OIDC_ISSUERS: issuers('http://id.example/jwks') };
  expect(() => gatewayConfig(plain)).toThrow(/GATEWAY_OIDC_ISSUERS: .*plain text/);
  const shouted = { ...env, GATEWAY_OIDC_ISSUERS: issuers('HTTP://id.example/jwks') };
  expect(() => gatewayConfig(shouted)).toThrow(/GATEWAY_OIDC_ISSUERS: .*plain text/);
  expect(gatewayConfig({ ...plain, WATERSHED_INTERNAL_NETWORK: 'id.example' }).oidcIssuers).toHaveLength(1);
  expect(gatewayConfig({ ...env, GATEWAY_OIDC_ISSUERS: issuers('https://id.example/jwks') }).oidcIssuers).toHaveLength(
    1,
  );
});

describe('the gateway’s certificate', () => {
  it.each([
    ['without its key', () => ({ GATEWAY_TLS_CERT_FILE: own.certFile }), /certificate and its private key/],
    ['that is not there', () => files({ certFile: '/nowhere.pem', keyFile: own.keyFile }), /cannot be read/],
    ['of another key', () => files({ ...own, keyFile: certificateFiles(folder, []).keyFile }), /key of another/],
    ['that has expired', () => files(certificateFiles(folder, [], -1)), /which is over/],
  ])('%s is refused in one line', (_, given, problem) => {
    expect(() => gatewayConfig({ ...env, ...given() })).toThrow(problem);
    expect(() => gatewayConfig({ ...env, ...given() })).toThrow('GATEWAY_TLS_CERT_FILE, GATEWAY_TLS_KEY_FILE: ');
  });
});

const files = ({ certFile, keyFile }: CertificateFiles) => ({
  GATEWAY_TLS_CERT_FILE: certFile,
  GATEWAY_TLS_KEY_FILE: keyFile,
});
