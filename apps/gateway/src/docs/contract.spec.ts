import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCodes } from '#errors';
import { clientTypes } from '../../../../scripts/openapi/client-types.js';
import { problemCatalogue } from '../http/problem-catalogue.js';
import { contractDocument, contractText } from './contract-document.js';

const root = join(import.meta.dirname, '../../../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

describe('the published contract', () => {
  it('is what the controllers say (else: npm run -s openapi)', async () => {
    expect(await contractText()).toBe(read('openapi/gateway.json'));
  });

  it('is what the client was generated from (else: npm run -s openapi)', async () => {
    expect(await clientTypes(read('openapi/gateway.json'))).toBe(read('libs/client/src/gateway-api.ts'));
  }, 30_000);

  it('refers to nothing that it does not define, and gives every operation a tag, a name and an answer', async () => {
    const document = await contractDocument();
    const text = JSON.stringify(document);
    const { schemas = {}, headers = {}, responses = {}, examples = {} } = document.components ?? {};
    const defined = Object.entries({ schemas, headers, responses, examples }).flatMap(([kind, members]) =>
      Object.keys(members).map((name) => `#/components/${kind}/${name}`),
    );
    for (const [, target] of text.matchAll(/"\$ref":"([^"]+)"/g)) expect(defined).toContain(target);
    const known = new Set(document.tags?.map(({ name }) => name));
    const ids = new Set<string>();
    for (const [path, item] of Object.entries(document.paths)) {
      for (const operation of [item.get, item.put, item.post, item.patch, item.delete]) {
        if (!operation) continue;
        expect(known).toContain(operation.tags?.[0]);
        expect(ids).not.toContain(operation.operationId);
        ids.add(operation.operationId ?? '');
        expect(Object.keys(operation.responses).some((status) => status.startsWith('2'))).toBe(true);
        const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
        const declared = (operation.parameters ?? []).flatMap((each) =>
          'in' in each && each.in === 'path' ? [each.name] : [],
        );
        expect(declared.sort()).toEqual(named.sort());
      }
    }
  });

  it('says of every answer which headers it carries, and of every body that it may be unreadable', async () => {
    const { paths, components } = await contractDocument();
    const shared = components?.responses ?? {};
    for (const item of Object.values(paths)) {
      for (const operation of [item.get, item.put, item.post, item.patch, item.delete]) {
        if (!operation) continue;
        for (const response of Object.values(operation.responses)) {
          const name = response && '$ref' in response ? response.$ref.split('/').at(-1) : undefined;
          const found = name === undefined ? response : shared[name];
          expect(Object.keys((found && 'headers' in found && found.headers) || {})).toContain('Watershed-Request-Id');
        }
        if (operation.requestBody)
          expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['413', '415']));
      }
    }
  });

  it('can be read by generators and regular expressions of other languages', async () => {
    const { components, paths } = await contractDocument();
    const text = JSON.stringify({ components, paths });
    // Go and Rust look neither ahead nor behind.
    for (const [, pattern] of text.matchAll(/"pattern":"((?:[^"\\]|\\.)*)"/g))
      expect(pattern).not.toMatch(/\(\?<?[=!]/);
    // Generators of Go name what an operation answers `<Operation>Response`.
    const schemas = new Set(Object.keys(components?.schemas ?? {}).map((name) => name.toLowerCase()));
    for (const [, id] of text.matchAll(/"operationId":"([^"]+)"/g))
      expect(schemas).not.toContain(`${id}response`.toLowerCase());
  });

  it('lets both ways of authentication be tried', async () => {
    const { components, paths } = await contractDocument();
    expect(components?.securitySchemes).toMatchObject({
      'api-key': { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      bearer: { type: 'http', scheme: 'bearer' },
    });
    expect(paths['/v1/infer']?.post?.security).toEqual(expect.arrayContaining([{ 'api-key': [] }, { bearer: [] }]));
    expect(paths['/v1/people']?.post?.security).toBeUndefined();
  });
});

describe('error codes', () => {
  it('each have a status and a title', () => {
    expect(Object.keys(problemCatalogue).sort()).toEqual([...errorCodes].sort());
    for (const { status, title } of Object.values(problemCatalogue)) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(title.length).toBeGreaterThan(3);
    }
  });

  it('each stand in docs/errors.md with the status they have, and nothing else does', () => {
    const rows = [...read('docs/errors.md').matchAll(/^\| `([a-z_]+)` \| (\d{3}) \|/gm)].map(([, code, status]) => [
      code,
      Number(status),
    ]);
    const kinds = Object.entries(problemCatalogue).map(([code, { status }]) => [code, status]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(kinds));
    expect(rows).toHaveLength(errorCodes.length);
  });
});
