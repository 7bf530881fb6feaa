import { WatershedError } from '#errors';

/** Also for another person's pod: whether it exists is told to its owner alone. */
export const podNotFound = () => new WatershedError('not_found', 'There is no such pod.');

export const resourceNotFound = () => new WatershedError('not_found', 'There is no such resource in this pod.');

export const podIdTaken = () => new WatershedError('conflict', 'A pod with this id was made before. Choose a new id.');

export const conditionFailed = () =>
  new WatershedError(
    'conflict',
    'The resource is not in the state that If-Match or If-None-Match asks for. Read it again.',
  );

export const tooManyPods = (maxPods: number) =>
  new WatershedError('storage_full', `A person may have ${maxPods} pods here. Delete one first.`, {
    details: { maxPods },
  });

export const podFull = (maxPodBytes: number, freeBytes: number) =>
  new WatershedError('storage_full', 'The pod has no room for this resource. Delete something first.', {
    details: { maxPodBytes, freeBytes },
  });

export const resourceTooLarge = (maxBytes: number) =>
  new WatershedError('body_too_large', `This resource may have at most ${maxBytes} bytes.`, { details: { maxBytes } });

export const bodyBrokeOff = () => new WatershedError('malformed_body', 'The body broke off before its end.');

export const cursorInvalid = () =>
  new WatershedError('cursor_invalid', 'This cursor is not one of ours. Begin without one.');

export const rangeInvalid = (sizeBytes: number) =>
  new WatershedError('invalid_request', 'The range does not lie within the resource.', { details: { sizeBytes } });
