import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CORE_SCHEMA, load, mergeTag } from 'js-yaml';
import { checkProcesses } from './check.js';
import { fixedProcessLimits, localFile, servicesIn } from './process-limits.js';

const composeFile = readFileSync(join(import.meta.dirname, '../../docker/compose.yml'), 'utf8');
const limits =
  'Limit  Soft Limit  Hard Limit  Units\nMax processes             96365                6000                processes\n';
const status = (user: number, effective: string) => `Uid:\t${user}\t${user}\t0\t0\nCapEff:\t${effective}\n`;

describe('limits that an engine cannot raise', () => {
  it('are those of root without the capability, and nobody else’s', () => {
    expect(fixedProcessLimits(limits, status(0, '000001fffeffffff'))).toEqual({ soft: 4_096, hard: 6_000 });
    expect(fixedProcessLimits(limits, status(0, '000001ffffffffff'))).toBeUndefined();
    expect(fixedProcessLimits(limits, status(1000, '0000000000000000'))).toBeUndefined();
    expect(fixedProcessLimits('', '')).toBeUndefined();
    const unlimited = limits.replace('96365', 'unlimited').replace('6000', 'unlimited');
    expect(fixedProcessLimits(unlimited, status(0, '000001fffeffffff'))).toBeUndefined();
  });

  it('are named for every service of the stack', () => {
    const file = load(composeFile, { schema: CORE_SCHEMA.withTags(mergeTag) }) as { services: object };
    expect(servicesIn(composeFile)).toEqual(Object.keys(file.services));
    const written = JSON.parse(localFile(composeFile, { soft: 1, hard: 2 })) as { services: Record<string, object> };
    expect(Object.keys(written.services)).toEqual(Object.keys(file.services));
    expect(written.services.redis).toEqual({ ulimits: { nproc: { soft: 1, hard: 2 } } });
  });

  it('are said before the stack is brought up, with what to do', () => {
    const fixed = { soft: 1, hard: 2 };
    expect(checkProcesses('podman 4.3.1', 'local.yml', false, fixed).fault).toMatch(
      /npm run compose -- local.*local.yml/,
    );
    expect(checkProcesses('podman 4.3.1', 'local.yml', true, fixed).fault).toBeUndefined();
    expect(checkProcesses('docker 27.1.1', 'local.yml', false, fixed).fault).toBeUndefined();
    expect(checkProcesses(undefined, 'local.yml', false, fixed).fault).toBeUndefined();
  });
});
