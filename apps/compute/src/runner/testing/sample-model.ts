import type { ModelVersion } from '#contracts';

const thumbprint = 'A'.repeat(43);

/** A version's record as tests need it: one FP32 input X and output Y of any length; its signatures are nobody's. */
export function sampleModel(change: {
  name?: string;
  version?: string;
  serial?: number;
  memoryBytes?: number;
  manifest?: Partial<ModelVersion['manifest']>;
}): ModelVersion {
  const { name = 'org/sample', version = '1.0.0', serial = 1, memoryBytes = 1_000_000 } = change;
  return {
    name,
    version,
    serial,
    digest: `${serial}`.padStart(64, '0'),
    review: 'approved',
    createdAt: '2026-01-01T00:00:00.000Z',
    manifest: {
      type: 'watershed/model-manifest',
      name,
      version,
      description: '',
      licence: 'Apache-2.0',
      purpose: 'tests',
      parameterCount: 0,
      memoryBytes,
      format: 'onnx',
      maxBatchSize: 0,
      inputs: [{ name: 'X', datatype: 'FP32', shape: [-1] }],
      outputs: [{ name: 'Y', datatype: 'FP32', shape: [-1] }],
      regions: [],
      blob: { sha256: `${serial}`.padStart(64, 'b'), sizeBytes: 100 },
      publisherId: thumbprint,
      createdAt: '2026-01-01T00:00:00.000Z',
      signatures: [{ protected: 'e30', signature: 'AA' }],
      ...change.manifest,
    },
  };
}
