// Whether the cluster does its main job at all: few requests, none may fail.
import { infer, lookAtPurse } from './cluster.js';

export { handleSummary } from './cluster.js';

export const options = {
  scenarios: { smoke: { executor: 'shared-iterations', vus: 2, iterations: 40, maxDuration: '60s' } },
  thresholds: {
    checks: ['rate==1'],
    http_req_failed: ['rate==0'],
    'http_req_duration{name:POST /v1/infer}': ['p(95)<1000'],
  },
};

export default function () {
  infer();
  lookAtPurse();
}
