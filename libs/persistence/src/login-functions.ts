import pg from 'pg';
import { databaseApps } from '#contracts';
import { roleOf, schemaOf } from './app-role.js';

/** Inside a function's body: refuses whatever is not a login of this database's instances. */
const onlyInstanceLogins = `IF login !~ '_i_[0-9a-f]{24}$' THEN RAISE EXCEPTION 'not the login of an instance' USING ERRCODE = '42501'; END IF;`;

/**
 * What governance may do to logins, and nothing more: make one for an app's instance, shut it, let it in again. The
 * functions run with the rights of the administrator who migrates, so that governance itself holds no such login. The
 * role of an app is chosen from a fixed list; a verifier is taken, never a password.
 */
export function loginFunctions(rolePrefix: string, governanceRole: string): readonly string[] {
  const roles = databaseApps.map(
    (app) => `WHEN ${pg.escapeLiteral(app)} THEN ${pg.escapeLiteral(roleOf(rolePrefix, app))}`,
  );
  const paths = databaseApps.map((app) => `WHEN ${pg.escapeLiteral(app)} THEN ${pg.escapeLiteral(schemaOf(app))}`);
  const define = (signature: string, declare: string, body: string): string[] => [
    `CREATE OR REPLACE FUNCTION governance.${signature} RETURNS void LANGUAGE plpgsql SECURITY DEFINER
     SET search_path = pg_catalog AS $$ ${declare} BEGIN ${onlyInstanceLogins} ${body} END $$`,
    `REVOKE ALL ON FUNCTION governance.${signature} FROM PUBLIC`,
    ...(governanceRole ? [`GRANT EXECUTE ON FUNCTION governance.${signature} TO ${governanceRole}`] : []),
  ];
  return [
    `CREATE OR REPLACE FUNCTION governance.role_prefix() RETURNS text LANGUAGE sql IMMUTABLE
     AS $$ SELECT ${pg.escapeLiteral(rolePrefix)} $$`,
    ...define(
      'open_login(app text, login text, verifier text)',
      `DECLARE role text := CASE app ${roles.join(' ')} END; path text := CASE app ${paths.join(' ')} END;`,
      `IF role IS NULL THEN RAISE EXCEPTION 'no app of this name has tables' USING ERRCODE = '42501'; END IF;
       IF verifier !~ '^SCRAM-SHA-256\\$' THEN RAISE EXCEPTION 'a verifier is needed' USING ERRCODE = '42501'; END IF;
       BEGIN EXECUTE format('CREATE ROLE %I', login); EXCEPTION WHEN duplicate_object THEN NULL; END;
       EXECUTE format('ALTER ROLE %I LOGIN INHERIT PASSWORD %L', login, verifier);
       EXECUTE format('ALTER ROLE %I SET search_path = %I', login, path);
       EXECUTE format('GRANT %I TO %I', role, login);`,
    ),
    // Two steps, each committed: only when the login is shut for all can an ended connection not come back.
    ...define(
      'close_login(login text)',
      '',
      `IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = login) THEN RETURN; END IF;
       EXECUTE format('ALTER ROLE %I NOLOGIN', login);`,
    ),
    ...define(
      'end_sessions(login text)',
      '',
      'PERFORM pg_terminate_backend(pid, 500) FROM pg_stat_activity WHERE usename = login;',
    ),
    ...define(
      'reopen_login(login text)',
      '',
      `IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = login) THEN EXECUTE format('ALTER ROLE %I LOGIN', login); END IF;`,
    ),
  ];
}
