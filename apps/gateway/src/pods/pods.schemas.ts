import { z } from 'zod';
import { pageOf, pod, podResource } from '#contracts';
import { named, namedRequest } from '../http/api-schema.js';
import { policyRequest } from '../http/contract.schemas.js';

export const podSchema = named('Pod', pod);
export const podsPage = named('PodsPage', pageOf(podSchema));
export const resourceSchema = named('PodResource', podResource);
export const resourcesPage = named('PodResourcesPage', pageOf(resourceSchema));
export const createPodBody = namedRequest(
  'CreatePod',
  z.strictObject({
    policy: policyRequest.optional().describe('My default policy when absent; the effective one is the narrower'),
  }),
);
