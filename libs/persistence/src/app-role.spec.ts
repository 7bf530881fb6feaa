import { databaseApps } from '#contracts';
import { appDatabaseUrl, derivedPasswords, roleOf, rolePrefixFor, scramVerifier } from './app-role.js';

test('passwords differ by app and by secret, and come back the same', () => {
  const one = derivedPasswords(Buffer.alloc(32, 1));
  const all = new Set(databaseApps.flatMap((app) => [one(app), derivedPasswords(Buffer.alloc(32, 2))(app)]));
  expect(all.size).toBe(2 * databaseApps.length);
  expect(derivedPasswords(Buffer.alloc(32, 1))('toll')).toBe(one('toll'));
  expect(() => derivedPasswords(Buffer.alloc(31))).toThrow('32 bytes');
});

test('a login takes the place of the administrator in the address', () => {
  const url = appDatabaseUrl('postgres://admin:s3cret@db:5433/main?sslmode=require', 'pod-host', {
    rolePrefix: 'my db',
    passwordFor: () => 'p/@:',
  });
  expect(url).toBe('postgres://my_db_i_4623beaea31eabd370076bfd:p%2F%40%3A@db:5433/main?sslmode=require');
});

test('role names fit into 63 bytes and stay apart', () => {
  const [one, two] = [`${'x'.repeat(60)}1`, `${'x'.repeat(60)}2`].map(rolePrefixFor);
  for (const app of databaseApps) expect(Buffer.byteLength(roleOf(one ?? '', app))).toBeLessThanOrEqual(63);
  expect(one).not.toBe(two);
  expect(rolePrefixFor('watershed')).toBe('watershed');
});

test('the verifier is that of RFC 5803 and holds no password', () => {
  // The exchange of RFC 7677 has this salt for "pencil"; ours derives the salt, so only the form is compared.
  const verifier = scramVerifier('toll', 'pencil');
  expect(verifier).toMatch(/^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/);
  expect(scramVerifier('toll', 'pencil')).toBe(verifier);
  expect(scramVerifier('index', 'pencil')).not.toBe(verifier);
});
