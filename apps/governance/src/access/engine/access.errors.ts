import { WatershedError } from '#errors';
import type { TicketRefusal } from './access.ports.js';

const ask = 'Ask an operator for a new one.';

export function ticketRefused(reason: TicketRefusal): WatershedError {
  switch (reason) {
    case 'used':
      return new WatershedError('ticket_used', `This ticket has let its node in already. ${ask}`);
    case 'expired':
      return new WatershedError('ticket_expired', `This ticket has expired. ${ask}`);
    case 'mismatch':
      return new WatershedError(
        'ticket_mismatch',
        `This ticket was made for another node, or for other services. ${ask}`,
      );
    case 'unknown':
      return new WatershedError(
        'ticket_invalid',
        `No ticket of this cluster reads like this, or it was withdrawn. ${ask}`,
      );
  }
}

export const manifestRefused = (reason: string): WatershedError =>
  new WatershedError('manifest_invalid', `The node's manifest is refused: ${reason}.`, { details: { reason } });

export const nodeIsExpelled = (): WatershedError =>
  new WatershedError(
    'node_expelled',
    'This node was expelled. Its operators can vote it in again; then it gets a ticket.',
  );

export const loginsUnmanaged = (reason: string): WatershedError =>
  new WatershedError(
    'conflict',
    `This cluster gives nodes no logins of their own, because of its Redis: ${reason}. Start it with one that may.`,
    { details: { reason } },
  );
