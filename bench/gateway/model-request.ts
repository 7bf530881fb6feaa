/** Where the model server answers what the gateway asks it. */
export const modelPath = '/v2/models/watershed--language-id/infer';

/** What it is asked about a text by who speaks JSON to it. */
export function modelBody(text: string): string {
  const data = [...Buffer.from(text)];
  return JSON.stringify({ inputs: [{ name: 'utf8', datatype: 'UINT8', shape: [data.length], data }] });
}
