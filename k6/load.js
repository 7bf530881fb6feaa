// A working day in two minutes: requests arrive at a rate that rises, holds and falls, whether or not earlier ones are done.
import { infer, lookAtPurse } from './cluster.js';

export { handleSummary } from './cluster.js';

const rate = Number(__ENV.RATE ?? 200);

export const options = {
  scenarios: {
    questions: {
      executor: 'ramping-arrival-rate',
      exec: 'infer',
      startRate: Math.ceil(rate / 10),
      timeUnit: '1s',
      preAllocatedVUs: 64,
      maxVUs: 512,
      stages: [
        { target: rate, duration: '30s' },
        { target: rate, duration: '60s' },
        { target: Math.ceil(rate / 10), duration: '30s' },
      ],
    },
    purses: {
      executor: 'constant-arrival-rate',
      exec: 'lookAtPurse',
      rate: Math.max(1, Math.ceil(rate / 20)),
      timeUnit: '1s',
      duration: '120s',
      preAllocatedVUs: 8,
      maxVUs: 64,
    },
  },
  thresholds: {
    checks: ['rate>0.999'],
    http_req_failed: ['rate<0.001'],
    'http_req_duration{name:POST /v1/infer}': ['p(95)<250', 'p(99)<1000'],
    dropped_iterations: [`count<${Math.ceil(rate / 10)}`],
  },
};

export { infer, lookAtPurse };
