import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { type Api, CommandError } from './api.js';
import { printTable } from './output.js';

interface SignedUp {
  readonly person: { readonly personId: string };
  readonly key: { readonly secret: string };
  readonly recoveryCode: string;
}

interface Invitation {
  readonly invitationId: string;
  readonly label: string;
  readonly state: string;
  readonly expiresAt: string;
  readonly redeemedBy?: string;
}

function printSignedUp(made: SignedUp): void {
  console.log(`person    ${made.person.personId}`);
  console.log(`key       ${made.key.secret}`);
  console.log(`recovery  ${made.recoveryCode}`);
  process.stderr.write(
    'Neither is shown again: keep the key (export WATERSHED_KEY=… uses it here), and the recovery code somewhere else.\n',
  );
}

/** A code as an argument would stand in the list of processes and in the shell's history. */
async function secretOf(variable: string, what: string): Promise<string> {
  const named = process.env[variable]?.trim();
  if (named) return named;
  if (process.stdin.isTTY) process.stderr.write(`${what}, then Enter and Ctrl-D: `);
  let text = '';
  for await (const chunk of process.stdin) text += String(chunk);
  if (text.trim() === '') throw new CommandError(`No code: set ${variable}, or send it on the standard input.`);
  return text.trim();
}

/** Accounts: made, by invitation or freely, got back, and closed. */
export function addAccountCommands(program: Command, api: () => Api): void {
  const people = program.command('people').description('sign up, invite, look at, get back and close accounts');
  people
    .command('create')
    .description('sign up a person; prints the first key and the recovery code, which are shown this once')
    .option('--region <region>', 'home region, as EU/FR')
    .option('--invited', 'with an invitation: WATERSHED_INVITATION, or on the standard input')
    .action(async (options: { region?: string; invited?: true }) => {
      const invitation = options.invited ? await secretOf('WATERSHED_INVITATION', 'The invitation') : undefined;
      const json = { ...(options.region ? { homeRegion: options.region } : {}), ...(invitation ? { invitation } : {}) };
      printSignedUp(
        await api().request<SignedUp>('POST', '/v1/people', { json, anonymous: true, idempotencyKey: randomUUID() }),
      );
    });
  people
    .command('recover')
    .description('get an account back by its recovery code (WATERSHED_RECOVERY_CODE, or on the standard input)')
    .argument('<personId>')
    .addHelpText('after', '\nEvery key of the account dies; a new key and a new recovery code are shown, once.')
    .action(async (personId: string) => {
      const recoveryCode = await secretOf('WATERSHED_RECOVERY_CODE', 'The recovery code');
      const json = { personId, recoveryCode };
      printSignedUp(
        await api().request<SignedUp>('POST', '/v1/people/recover', {
          json,
          anonymous: true,
          idempotencyKey: randomUUID(),
        }),
      );
    });
  people
    .command('invite')
    .description('make a one-use invitation, as an operator; prints its code, which is shown this once')
    .option('--label <text>', 'a note of yours', '')
    .option('--hours <n>', 'how long it holds, up to 2160', '168')
    .action(async (options: { label: string; hours: string }) => {
      const expiresInHours = Number(options.hours);
      if (!Number.isInteger(expiresInHours))
        throw new CommandError(`--hours takes a whole number, not "${options.hours}".`);
      const made = await api().request<Invitation & { code: string }>('POST', '/v1/invitations', {
        json: { label: options.label, expiresInHours },
        idempotencyKey: randomUUID(),
      });
      console.log(`invitation  ${made.invitationId}`);
      console.log(`code        ${made.code}`);
      console.log(`expires     ${made.expiresAt}`);
    });
  people
    .command('invitations')
    .description('every invitation and what became of it, as an operator')
    .action(async () => {
      const found = await api().all<Invitation>('/v1/invitations');
      printTable(
        ['invitation', 'state', 'expires', 'person', 'label'],
        found.map((each) => [each.invitationId, each.state, each.expiresAt, each.redeemedBy ?? '', each.label]),
      );
    });
  people
    .command('uninvite')
    .description('revoke an invitation that is not used yet, as an operator')
    .argument('<invitationId>')
    .action(async (invitationId: string) => {
      await api().request('DELETE', `/v1/invitations/${encodeURIComponent(invitationId)}`);
      console.log('Revoked.');
    });
  people
    .command('show')
    .description('the account of the key in use; as an operator also another, and how far its closing has come')
    .argument('[personId]')
    .action(async (personId?: string) => {
      const path = personId ? `/v1/people/${encodeURIComponent(personId)}` : '/v1/me';
      console.log(JSON.stringify(await api().request('GET', path), null, 2));
    });
  people
    .command('close')
    .description('close the account of the key in use, for good')
    .requiredOption('--yes', 'said to mean it')
    .addHelpText('after', '\nKeys die at once; pods are erased; what is left in the purse goes back to the cluster.')
    .action(async () => {
      const { person } = await api().request<{ person: { personId: string } }>('GET', '/v1/me');
      await api().request('POST', '/v1/me/close', { json: { confirm: person.personId } });
      console.log('The account is closed and its keys are revoked. Its pods and the rest of its purse follow.');
    });
}
