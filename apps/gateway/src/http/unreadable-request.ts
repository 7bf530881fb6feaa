import { type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { WatershedError } from '#errors';
import { newRequestId, problemMediaType, problemOf } from './problem.js';

/** What Node's parser says of bytes that are no request, in our words. */
function refusalOf(code: string): WatershedError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new WatershedError('invalid_request', 'The headers of the request are too large.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new WatershedError('deadline_exceeded', 'The request did not arrive in time.');
    case 'HPE_INVALID_EOF_STATE':
    case 'HPE_INVALID_CHUNK_SIZE':
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new WatershedError('malformed_body', 'The request ended before its body did, or its chunks do not hold.');
    default:
      return new WatershedError('invalid_request', 'This is not an HTTP request as it is taken here.');
  }
}

function problemText(refusal: WatershedError) {
  const requestId = newRequestId();
  const problem = problemOf(refusal, requestId);
  return { status: problem.status, requestId, body: JSON.stringify(problem) };
}

/** Answers what never became a request, so no route, hook or filter sees it; the connection ends with it. */
export function refuseUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (!socket.writable) {
    socket.destroy(error);
    return;
  }
  const { status, requestId, body } = problemText(refusalOf(error.code ?? ''));
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      `Content-Type: ${problemMediaType}; charset=utf-8`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      `Watershed-Request-Id: ${requestId}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
    () => socket.destroySoon(),
  );
}

/** An `Expect` of anything but `100-continue`, which Node would answer with a bare 417. */
export function refuseExpectations(server: Server): void {
  server.on('checkExpectation', (request, response) => {
    const { status, requestId, body } = problemText(
      new WatershedError('invalid_request', 'No expectation but 100-continue is met here.'),
    );
    response.writeHead(status, {
      'content-type': `${problemMediaType}; charset=utf-8`,
      'watershed-request-id': requestId,
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    });
    response.end(body);
    request.resume();
  });
}
