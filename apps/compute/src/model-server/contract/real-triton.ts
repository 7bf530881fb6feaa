// For tests: the Triton that `npm run -s triton -- setup` put beside this checkout, where there is one.
import { fileURLToPath } from 'node:url';
import { findTriton, type TritonInstallation, tritonFolder } from '#local-services';

const own = fileURLToPath(import.meta.url);
export const projectRoot = own.slice(0, own.search(/(dist\/)?apps\/compute\/src\/model-server/));

export const installedTriton = (): TritonInstallation | undefined => findTriton(tritonFolder(projectRoot));

/** Why tests cannot have a Triton; undefined when they can. */
export const tritonAbsence = (): string | undefined =>
  installedTriton() ? undefined : 'none is set up; npm run -s triton -- setup does';
