import { z } from 'zod';
import type { Bus } from '#bus';
import { governanceLogGrew, membership, membershipChanged, thumbprint } from '#contracts';
import type { OutboxMessage } from '#persistence';
import type { AccessPort } from '../access/engine/access.ports.js';
import type { GovernanceStore } from './engine/governance.ports.js';
import { logStream, membershipStream } from './governance.keys.js';

const growth = z.object({ seq: z.number().int().positive() });
const accessChange = z.object({ nodeId: thumbprint });

export interface AnnouncementParts {
  readonly bus: Pick<Bus, 'broadcast'>;
  readonly store: Pick<GovernanceStore, 'membership'>;
  readonly access?: AccessPort;
}

/**
 * Delivers what governance's outbox holds: each at least once, again until it was taken. An expulsion whose process died
 * before the node's logins were gone is carried on by the next one.
 */
export function deliverAnnouncements({ bus, store, access }: AnnouncementParts) {
  return async ({ kind, payload }: Pick<OutboxMessage, 'kind' | 'payload'>): Promise<void> => {
    if (kind === logStream) return bus.broadcast(governanceLogGrew, growth.parse(payload));
    if (kind === membershipStream) return bus.broadcast(membershipChanged, { membership: membership.parse(payload) });
    const { nodeId } = accessChange.parse(payload);
    // As it is now: a vote may have come in between, and the order in which both are carried out must not matter.
    const current = await store.membership(nodeId);
    await (current?.state === 'expelled' ? access?.revoke(nodeId) : access?.restore(nodeId));
  };
}
