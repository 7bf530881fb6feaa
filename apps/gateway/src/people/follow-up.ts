import { z } from 'zod';
import { tollOpenPurse, uuid } from '#contracts';
import type { OutboxMessage } from '#persistence';
import type { GatewayCluster } from '../cluster/cluster.port.js';
import type { PodsService } from '../pods/pods.service.js';
import type { PeopleRepository } from './people.repository.js';

const payload = z.object({ personId: uuid });

export interface FollowUpParts {
  readonly cluster: GatewayCluster;
  readonly people: PeopleRepository;
  readonly pods: PodsService;
}

/** What follows in other services when people come and go. Each step is idempotent there, so at least once is enough. */
export async function followUp(message: OutboxMessage, { cluster, people, pods }: FollowUpParts): Promise<void> {
  const { personId } = payload.parse(message.payload);
  switch (message.kind) {
    case 'open-purse':
      await cluster.call(tollOpenPurse, { personId });
      return;
    case 'delete-pods': {
      const person = await people.person(personId);
      if (person) await pods.removeAll(person);
      return;
    }
    default:
      throw new Error(`nothing follows on a message of kind ${message.kind}`);
  }
}
