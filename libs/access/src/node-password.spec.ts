import { withLogin, withoutLogin } from './node-password.js';

describe('an address without its login', () => {
  it('names no password, wherever the address has one', () => {
    for (const url of [
      'postgres://gov:secret@db.example:5432/x?sslmode=verify-full',
      'postgres://db.example:5432/x?user=gov&sslmode=verify-full&password=secret',
    ]) {
      expect(withoutLogin(url)).toBe('postgres://db.example:5432/x?sslmode=verify-full');
      expect(withLogin(url, 'node', 'own')).toBe('postgres://node:own@db.example:5432/x?sslmode=verify-full');
    }
    expect(withoutLogin('rediss://:secret@r.example')).toBe('rediss://r.example');
  });
});
