// Asks a model file through ONNX Runtime, in a process of its own: inside jest's VM context the runtime's native half
// makes typed arrays of the outer realm, which its JavaScript half then does not recognise. Plain JavaScript, so that it
// needs no build. Standard input: {"file": path, "texts": [base64 of UTF-8, …]}; output: {"answers": [{labels,
// probabilities}, …], "meanMs": mean time of one text, single-threaded}.
import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const { file, texts } = JSON.parse(readFileSync(0, 'utf8'));
const session = await InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1 });
const answers = [];
const startedAt = performance.now();
for (const text of texts) {
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  const { labels, probabilities } = await session.run({ utf8: new Tensor('uint8', bytes, [bytes.length]) });
  answers.push({ labels: labels.data, probabilities: [...probabilities.data] });
}
const meanMs = (performance.now() - startedAt) / Math.max(1, texts.length);
process.stdout.write(JSON.stringify({ answers, meanMs }));
