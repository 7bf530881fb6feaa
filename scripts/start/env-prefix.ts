import type { ServiceName } from '#contracts';

/** What a service's own variables begin with: `pod-host` → `POD_HOST`. */
export const envPrefix = (service: ServiceName): string => service.toUpperCase().replaceAll('-', '_');

/** A process's environment as one of its services is to see it: with the Redis login of that service's own node. */
export function envOf(service: ServiceName, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = env[`${envPrefix(service)}_REDIS_URL`];
  return own === undefined ? env : { ...env, WATERSHED_REDIS_URL: own };
}
