import type { StartApp } from '#node';

// The two roles share an app, not a process: a runner loads no database client, an orchestrator no codec.

/** Starts an orchestrator: it owns placements, and every other durable state of compute. */
export const startOrchestrator: StartApp = async (env, surroundings) =>
  (await import('./orchestrator/start-orchestrator.js')).startOrchestrator(env, surroundings);

/** Starts a runner: it drives one model server and holds no credentials of the database. */
export const startRunner: StartApp = async (env, surroundings) =>
  (await import('./runner/start-runner.js')).startRunner(env, surroundings);
