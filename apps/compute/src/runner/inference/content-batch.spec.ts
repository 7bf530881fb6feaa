import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { WatershedError } from '#errors';
import { BatchAnswers } from './content-batch.js';

const refusal = new WatershedError('transfer_token_invalid', 'No such token.').toWire();
const nextTurn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

describe('the answers of a batch', () => {
  it('are dropped once the batch was refused as a whole, though the refusal itself still waits to be sent', async () => {
    // As behind another answer of the same connection: ended, and not yet on its way.
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    const errors: Error[] = [];
    response.on('error', (error) => errors.push(error));
    const answers = new BatchAnswers(response, false);
    answers.refuse(1, 401, refusal);
    response.writeHead(400);
    response.end();
    await nextTurn();
    expect(errors).toEqual([]);
  });
});
