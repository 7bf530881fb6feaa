import type { ModelVersion } from '#contracts';
import { checkManifest, inspectOnnx } from '#onnx-inspection';

/** The registry's rules once more, where the file is about to run: a runner believes bytes, not who checked them before. */
export async function checkModelFile(path: string, model: ModelVersion): Promise<void> {
  checkManifest(model.manifest, await inspectOnnx(path));
}
