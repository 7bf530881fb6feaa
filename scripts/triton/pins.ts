import { createHash } from 'node:crypto';

/** One file of the Python package index, by its bytes. */
export interface PinnedWheel {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

export const tritonVersion = '2.51.0';

/** The interpreter that the server's Python backend, and so the wheels, are for. */
export const pythonVersion = '3.11';

/** The runtime is the same version as the embedded model server's, so that both give the same numbers. */
export const wheels: readonly PinnedWheel[] = [
  {
    name: 'nvidia-pytriton',
    version: '0.7.0',
    sha256: '21f063ff93bb426d0c06b7a55e7eb9efcfe62c0dddd9a908e9877e18710128df',
  },
  {
    name: 'onnxruntime',
    version: '1.30.0',
    sha256: 'fd54b314ea385bcecac69ab431f020ba503e3878dad4ebb645fec5a24b041242',
  },
  // Triton's Python backend of that version was made for numpy 1.
  {
    name: 'numpy',
    version: '1.26.4',
    sha256: '666dbfb6ec68962c033a450943ded891bed2d54e6755e35e5835d63f4f6931d5',
  },
];

/** What `pip --require-hashes` reads: files with other bytes are refused. */
export const requirements = (): string =>
  wheels.map(({ name, version, sha256 }) => `${name}==${version} --hash=sha256:${sha256}\n`).join('');

/** Changes with anything that an installation is made of. */
export function installationKey(backend: Uint8Array, interpreter: string): string {
  const hash = createHash('sha256').update(requirements()).update(backend).update(interpreter);
  return `triton-${tritonVersion}-${hash.digest('hex').slice(0, 12)}`;
}
