import { modelName } from '#contracts';
import { WatershedError } from '#errors';

/**
 * `org--model`, as model repositories and clients of the Open Inference Protocol write it, and our name `org/model`.
 * `--` is refused in both parts of a name, so the two forms translate without loss.
 */
export function modelNameOf(path: string): string {
  const name = path.includes('/') ? path : path.replace('--', '/');
  if (!modelName.safeParse(name).success) {
    throw new WatershedError('model_unknown', 'No model has this name. Names look like organisation--model in a path.');
  }
  return name;
}

export const pathNameOf = (name: string): string => name.replace('/', '--');
