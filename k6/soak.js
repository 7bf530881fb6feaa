// A steady trickle for a long time: what leaks, grows or tires shows here. DURATION (1h) and RATE (20 a second) set it.
import { infer, lookAtPurse } from './cluster.js';

export { handleSummary } from './cluster.js';

const rate = Number(__ENV.RATE ?? 20);

export const options = {
  scenarios: {
    soak: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: __ENV.DURATION ?? '1h',
      preAllocatedVUs: 16,
      maxVUs: 128,
    },
  },
  thresholds: {
    checks: ['rate>0.9999'],
    http_req_failed: ['rate<0.0001'],
    'http_req_duration{name:POST /v1/infer}': ['p(99)<500', 'max<5000'],
    dropped_iterations: ['count==0'],
  },
};

export default function () {
  infer();
  lookAtPurse();
}
