/** Waits for the WebSocket handshake and names why it failed. */
import type { WebSocket } from 'ws';
import { problemOfClose, problemOfStatus, type Problem } from './connectionState.ts';
import { messageOf } from './errors.ts';

/** No connection came about; `problem` says whether another attempt can help. */
export class ConnectError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.message, options);
    this.name = 'ConnectError';
    this.problem = problem;
  }
}

/** Resolves once open. On failure the socket is gone and a ConnectError is thrown. */
export function openSocket(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (problem: Problem, cause?: Error): void => {
      reject(new ConnectError(problem, cause === undefined ? undefined : { cause }));
    };
    socket.once('open', resolve);
    socket.once('unexpected-response', (request, response) => {
      response.resume();
      request.destroy();
      fail(problemOfStatus(response.statusCode ?? 0));
    });
    socket.on('error', (error: Error) => {
      fail({ message: messageOf(error), code: null, final: false }, error);
    });
    socket.once('close', (code, reason) => {
      fail(problemOfClose(code, reason.toString('utf8')));
    });
  });
}

export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof ConnectError) return thrown.problem;
  return { message: messageOf(thrown), code: null, final: false };
}
