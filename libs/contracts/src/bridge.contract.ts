import { z } from 'zod';
import { clusterDelegation, clusterDescriptor } from './documents.js';
import { defineMethod } from './method.js';

/** Who this cluster is, as any other cluster may read it. */
export const bridgeIdentity = defineMethod({
  name: 'bridge-identity',
  service: 'bridge',
  request: z.object({}),
  response: z.object({ descriptor: clusterDescriptor, delegation: clusterDelegation }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 2_000,
});
