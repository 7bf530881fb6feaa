import { z } from 'zod';
import { tollClosePurse, tollOpenPurse, uuid } from '#contracts';
import { WatershedError } from '#errors';
import type { OutboxMessage } from '#persistence';
import type { GatewayCluster } from '../cluster/cluster.port.js';
import type { Grants } from '../inference/inference.adapters.js';
import type { PodsService } from '../pods/pods.service.js';
import type { PeopleRepository } from './people.repository.js';

const payload = z.object({ personId: uuid });

export interface FollowUpParts {
  readonly cluster: GatewayCluster;
  readonly people: PeopleRepository;
  readonly pods: PodsService;
  readonly grants: Pick<Grants, 'spendGrant'>;
}

/**
 * What follows in other services when people come and go, one after another for each of them. Each step is idempotent
 * there, so at least once is enough; what fails is tried again until it holds.
 */
export async function followUp(
  message: OutboxMessage,
  { cluster, people, pods, grants }: FollowUpParts,
): Promise<void> {
  const { personId } = payload.parse(message.payload);
  switch (message.kind) {
    case 'open-purse':
      await cluster.call(tollOpenPurse, { personId, grant: await grants.spendGrant(personId) });
      return;
    case 'delete-pods': {
      const person = await people.person(personId);
      if (person) await pods.removeAll(person);
      return;
    }
    case 'close-purse': {
      const { settled } = await cluster.call(tollClosePurse, { personId, grant: await grants.spendGrant(personId) });
      if (!settled) {
        // What ran when the account was closed is still being paid; its blocks come back within a minute.
        throw new WatershedError('conflict', 'Money of a closed purse is still held. This is tried again.');
      }
      const person = await people.person(personId);
      // A pod that was being made when the account was closed.
      if (person) await pods.removeAll(person);
      await people.markErased(personId);
      return;
    }
    default:
      throw new Error(`nothing follows on a message of kind ${message.kind}`);
  }
}
