export { backoffMs, defineJob, type Job, type JobBackoff, type JobData, type JobInput, maxJobBytes } from './job.js';
export * from './job-producer.js';
export * from './job-worker.js';
export { type QueueSettings, queuePrefix } from './queue-connection.js';
