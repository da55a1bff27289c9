/**
 * Requests that are sent ahead of their answers (RFC 9112 §9.3.2). One piece of the network holds more than a thousand of
 * them, which Node's parser would turn into a thousand requests at once, before anybody can say stop.
 */
import type { Socket } from 'node:net';

const endOfHeaders = '\r\n\r\n';

/** For a connection that an HTTP server has just taken: what stands behind its first request in a piece ends it with 400. */
export function takeOneByOne(socket: Socket): void {
  const parsers = socket.listeners('data') as ((chunk: Buffer) => void)[];
  socket.removeAllListeners('data').on('data', blankSentAhead);
  for (const parser of parsers) socket.on('data', parser);
}

/** Once it is upgraded, its bytes are no longer HTTP. */
export function takeAsItComes(socket: Socket): void {
  socket.off('data', blankSentAhead);
}

/** NUL begins no request, so the parser stops there. No request of ours has a body. */
function blankSentAhead(chunk: Buffer): void {
  const end = chunk.indexOf(endOfHeaders);
  const behind = end + endOfHeaders.length;
  if (end !== -1 && chunk.includes(endOfHeaders, behind)) chunk.fill(0, behind);
}
