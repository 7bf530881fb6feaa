import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import { modelFolder } from './corpus.js';

const answersOfRunner = z.object({
  answers: z.array(z.object({ labels: z.array(z.string()), probabilities: z.array(z.number()) })),
  meanMs: z.number(),
});
export type OnnxAnswers = z.output<typeof answersOfRunner>;

/** What the model file answers through ONNX Runtime, text by text; bytes may be any, also such as are not UTF-8. */
export function askOnnx(file: string, texts: readonly (string | Uint8Array)[]): OnnxAnswers {
  const input = JSON.stringify({ file, texts: texts.map((text) => Buffer.from(text).toString('base64')) });
  const output = execFileSync(process.execPath, [join(modelFolder, 'run-onnx.mjs')], {
    input,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: 60_000,
  });
  return answersOfRunner.parse(JSON.parse(output));
}
