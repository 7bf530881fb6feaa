import { type ModelName, modelName } from '#contracts';
import { WatershedError } from '#errors';

const separator = '--';

/** Triton's name of a model, which may hold no slash: `org/model` becomes `org--model`. */
export function repositoryName(name: ModelName): string {
  return modelName.parse(name).replace('/', separator);
}

/** The model of a Triton name; throws `model_unknown` for a name that is none of ours. */
export function modelNameOf(repository: string): ModelName {
  const [organisation, model, ...rest] = repository.split(separator);
  const name = modelName.safeParse(`${organisation}/${model ?? ''}`);
  if (!name.success || rest.length > 0)
    throw new WatershedError('model_unknown', 'This is not the name of a model here.');
  return name.data;
}
