import { ComposeError } from './compose.errors.js';

/** An image that a release names by digest: where it stands in compose.yml, and by which tag. */
interface PinnedImage {
  readonly variable: string;
  readonly tag: string;
}

/** Services whose image comes from elsewhere, and the base that ours is built on. */
const placeOf: Readonly<Record<string, (image: string) => string>> = {
  NODE_IMAGE: (image) => `  init:\n    build:\n      args:\n        NODE_IMAGE: ${image}\n`,
  POSTGRES_IMAGE: (image) => `  postgres:\n    image: ${image}\n`,
  REDIS_IMAGE: (image) => `  redis:\n    image: ${image}\n`,
  PROMETHEUS_IMAGE: (image) => `  prometheus:\n    image: ${image}\n`,
  TRITON_IMAGE: (image) => `  triton:\n    image: ${image}\n`,
};

/** Ours is built, not pulled. */
const own = 'WATERSHED_IMAGE';

/** The images that a compose file names by `${…_IMAGE:-tag}`, without our own. */
export function imagesOf(composeFile: string): readonly PinnedImage[] {
  const found = new Map<string, string>();
  for (const [, variable = '', tag = ''] of composeFile.matchAll(/\$\{(\w+_IMAGE):-([^}]+)\}/g))
    if (variable !== own) found.set(variable, tag);
  return [...found].map(([variable, tag]) => ({ variable, tag }));
}

/**
 * A compose file to lay over compose.yml, in which `digestOf` has turned every tag into the digest that it stands for
 * today: what was tested is what is run, whoever moves the tag. @throws ComposeError for an image in no known place.
 */
export function releaseFile(images: readonly PinnedImage[], digestOf: (tag: string) => string): string {
  const parts = images.map(({ variable, tag }) => {
    const place = placeOf[variable];
    if (!place) throw new ComposeError(`compose.yml names ${variable}, of which the release knows no place.`);
    const digest = digestOf(tag);
    if (!/^[^\s@]+@sha256:[0-9a-f]{64}$/.test(digest)) throw new ComposeError(`${tag} has no digest (${digest}).`);
    return `  # ${tag}\n${place(digest)}`;
  });
  return `# Written by npm run compose -- release. Use: -f docker/compose.yml -f docker/compose.release.yml\nservices:\n${parts.join('')}`;
}
