import { createHash } from 'node:crypto';
import pg from 'pg';
import { databaseApps, type PasswordFor, roleOf, schemaOf, scramVerifier } from './app-role.js';

const name = pg.escapeIdentifier;

/** Changes when a role's name or password does; kept beside the data so that a start that changes nothing asks once. */
export function rolesDigest(rolePrefix: string, passwordFor: PasswordFor): string {
  const hash = createHash('sha256');
  for (const app of databaseApps) hash.update(`${roleOf(rolePrefix, app)}\0${passwordFor(app)}\0`);
  return hash.digest('hex');
}

/**
 * One login role an app, which may read and write the rows of its own schema and nothing else: no other schema, no DDL,
 * no temporary tables. Run after every migration, because grants on "all tables" mean those of that moment.
 */
export function roleStatements(database: string, rolePrefix: string, passwordFor: PasswordFor): readonly string[] {
  const perApp = databaseApps.flatMap((app) => {
    const role = roleOf(rolePrefix, app);
    const schema = name(schemaOf(app));
    const verifier = pg.escapeLiteral(scramVerifier(role, passwordFor(app)));
    return [
      `DO $$ BEGIN CREATE ROLE ${name(role)} NOINHERIT; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
      `ALTER ROLE ${name(role)} LOGIN PASSWORD ${verifier}`,
      `ALTER ROLE ${name(role)} SET search_path = ${schema}`,
      `CREATE SCHEMA IF NOT EXISTS ${schema}`,
      `REVOKE ALL ON SCHEMA ${schema} FROM PUBLIC`,
      `GRANT USAGE ON SCHEMA ${schema} TO ${name(role)}`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${name(role)}`,
      `GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA ${schema} TO ${name(role)}`,
      `GRANT CONNECT ON DATABASE ${name(database)} TO ${name(role)}`,
    ];
  });
  return [
    'REVOKE CREATE ON SCHEMA public FROM PUBLIC',
    `REVOKE ALL ON DATABASE ${name(database)} FROM PUBLIC`,
    ...perApp,
  ];
}

export const roleNames = (rolePrefix: string): string[] => databaseApps.map((app) => roleOf(rolePrefix, app));
