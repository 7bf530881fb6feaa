/** The TypeScript of the client's types for a contract. Loaded when asked for: only development has the generator. */
export async function clientTypes(contract: string): Promise<string> {
  const { default: openapiTypes, astToString } = await import('openapi-typescript');
  const nodes = await openapiTypes(JSON.parse(contract), { defaultNonNullable: false });
  return `// Generated from openapi/gateway.json by \`npm run -s openapi\`; a test fails where it is not.\n${astToString(nodes)}`;
}
