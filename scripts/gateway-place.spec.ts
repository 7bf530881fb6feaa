import { gatewayPlace } from './gateway-place.js';

describe('the place of a gateway', () => {
  const plain = 'ab01'.repeat(16);
  const colons = (plain.match(/../g) ?? []).join(':').toUpperCase();

  it.each([plain, colons, `sha256 Fingerprint=${colons}`, ` ${colons}\n`])(
    'is known by a fingerprint written as %j',
    (fingerprint) => {
      const place = gatewayPlace({
        url: 'https://gateway.example/',
        port: '4100',
        dataFolder: '/nowhere',
        fingerprint,
      });
      expect(place).toEqual({ url: 'https://gateway.example', fingerprint: plain });
    },
  );

  it('is known by none where none is given', () => {
    expect(gatewayPlace({ url: 'http://127.0.0.1:1', port: '1', dataFolder: '/nowhere', fingerprint: '' })).toEqual({
      url: 'http://127.0.0.1:1',
    });
    expect(gatewayPlace({ port: '4100', dataFolder: '/nowhere' })).toEqual({ url: 'http://127.0.0.1:4100' });
  });
});
