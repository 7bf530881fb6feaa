// Writes what is published of the gateway: openapi/gateway.json from its controllers, and the client's types from that.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contractText } from '../../apps/gateway/src/docs/contract-document.js';
import { clientTypes } from './client-types.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const contract = await contractText();
mkdirSync(join(root, 'openapi'), { recursive: true });
writeFileSync(join(root, 'openapi/gateway.json'), contract);
writeFileSync(join(root, 'libs/client/src/gateway-api.ts'), await clientTypes(contract));
console.log('wrote openapi/gateway.json and libs/client/src/gateway-api.ts');
