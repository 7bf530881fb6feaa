import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { addAccountCommands } from './account-commands.js';
import { type Api, CommandError } from './api.js';
import { drops, microOf, printTable } from './output.js';

interface KeyEntry {
  readonly keyId: string;
  readonly label?: string | null;
  readonly scopes: readonly string[];
  readonly state?: string;
  readonly expiresAt?: string | null;
  readonly revokedAt?: string | null;
}

export function addPeopleCommands(program: Command, api: () => Api): void {
  addAccountCommands(program, api);

  const keys = program.command('keys').description('make, list, rotate and revoke keys');
  keys
    .command('list')
    .description('the keys of the account in use')
    .action(async () => {
      const found = await api().all<KeyEntry>('/v1/keys');
      printTable(
        ['key', 'label', 'scopes', 'expires', 'revoked'],
        found.map(({ keyId, label, scopes, expiresAt, revokedAt }) => [
          keyId,
          label ?? '',
          scopes.join(' '),
          expiresAt ?? 'never',
          revokedAt ?? '',
        ]),
      );
    });
  keys
    .command('create')
    .description('make a key; it is shown this once')
    .requiredOption('--scopes <list>', 'comma-separated, as infer,pods:read')
    .option('--label <text>')
    .option('--expires <instant>', 'RFC 3339, as 2030-01-01T00:00:00Z')
    .action(async (options: { scopes: string; label?: string; expires?: string }) => {
      const made = await api().request<{ keyId: string; secret: string }>('POST', '/v1/keys', {
        json: {
          scopes: options.scopes.split(','),
          ...(options.label ? { label: options.label } : {}),
          ...(options.expires ? { expiresAt: options.expires } : {}),
        },
        idempotencyKey: randomUUID(),
      });
      console.log(`key id  ${made.keyId}`);
      console.log(`key     ${made.secret}`);
    });
  keys
    .command('revoke')
    .description('revoke a key at once')
    .argument('<keyId>')
    .action(async (keyId: string) => {
      await api().request('DELETE', `/v1/keys/${encodeURIComponent(keyId)}`);
      console.log('Revoked.');
    });
  keys
    .command('rotate')
    .description('replace a key by a new one with the same scopes')
    .argument('<keyId>')
    .action(async (keyId: string) => {
      const made = await api().request<{ keyId: string; secret: string }>(
        'POST',
        `/v1/keys/${encodeURIComponent(keyId)}/rotate`,
        { idempotencyKey: randomUUID() },
      );
      console.log(`key id  ${made.keyId}`);
      console.log(`key     ${made.secret}`);
    });

  const grants = program.command('grants').description('give money to people, as an operator');
  grants
    .command('give')
    .description('credit a purse from the cluster’s issuance account')
    .argument('<personId>')
    .argument('<drops>', 'as 2.5')
    .option('--memo <text>', 'shown in the statement', 'a grant')
    .action(async (personId: string, amount: string, options: { memo: string }) => {
      const amountMicro = microOf(amount);
      if (amountMicro === undefined)
        throw new CommandError(`"${amount}" is no amount of drops: at most six decimals, as 2.5.`);
      const made = await api().request<{ balanceMicro: string }>('POST', '/v1/grants', {
        json: { personId, amountMicro, asset: 'drop', memo: options.memo },
        idempotencyKey: randomUUID(),
      });
      console.log(`The purse now holds ${drops(made.balanceMicro)}.`);
    });

  program
    .command('purse')
    .description('balance and statement of the account in use')
    .action(async () => {
      const purse = await api().request<Record<string, string>>('GET', '/v1/purse');
      console.log(`balance    ${drops(purse.balanceMicro ?? '0')}`);
      console.log(`available  ${drops(purse.availableMicro ?? '0')}`);
      const allowance = await api().request<Record<string, string>>('GET', '/v1/purse/allowance');
      console.log(`allowance  ${drops(allowance.leftMicro ?? '0')} left today, should the purse be empty`);
      const entries = await api().all<{
        kind: string;
        amountMicro: string;
        postedAt: string;
        usageIds: string[];
        memo: string;
      }>('/v1/purse/statement');
      printTable(
        ['posted', 'kind', 'amount', 'requests', 'memo'],
        entries.map(({ postedAt, kind, amountMicro, usageIds, memo }) => [
          postedAt,
          kind,
          drops(amountMicro),
          usageIds.length > 0 ? String(usageIds.length) : '',
          memo,
        ]),
      );
    });

  program
    .command('infer')
    .description('send text to a model')
    .argument('<text>')
    .option('--model <org/model>', 'which', 'watershed/language-id')
    .action(async (text: string, options: { model: string }) => {
      const answer = await api().request<{
        labels: { label: string; probability: number }[];
        cost: { amountMicro: string };
      }>('POST', '/v1/infer', { json: { model: options.model, text } });
      for (const { label, probability } of answer.labels.slice(0, 3))
        console.log(`${label}  ${(probability * 100).toFixed(1)} %`);
      console.log(`cost ${drops(answer.cost.amountMicro)}`);
    });
}
