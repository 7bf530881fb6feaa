import type { TransferTicket } from '#contracts';
import type { GrantVerifier } from '#sigil';
import type { ContentBooking } from './engine/content-engine.js';

export type Grants = Pick<GrantVerifier, 'verify'>;
export const GRANTS = Symbol('GRANTS');

/** Makes the one-use tickets under which content comes and goes. */
export interface ContentDesk {
  ticket(bind: ContentBooking, maxBytes: number): TransferTicket;
}
export const CONTENT_DESK = Symbol('CONTENT_DESK');
