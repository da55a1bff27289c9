/** Error and close codes of the wire, each in one table; retry logic asks the sets below. */

/** JSON-RPC 2.0 codes below -32000 are the specification's; ours are positive. */
export const errorCodes = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** hello was not the first request, or was sent twice. */
  notReady: 1001,
  versionMismatch: 1002,
  forbidden: 1003,
  notFound: 1004,
  /** The thing is in a state that does not allow this (run already ended, window already closed). */
  conflict: 1005,
  /** The configuration refuses it (a refused task, a missing script). */
  refused: 1006,
  /** The peer took the request back ($/cancelRequest), or the connection ended. */
  cancelled: 1007,
  /** More requests are unanswered than `maxOpenRequests`, or more reads wait for output than `maxWaitingReads`. */
  tooManyRequests: 1008,
  /** It may be done, with a reason: send the request again with one. */
  reasonNeeded: 1009,
} as const;
export type ErrorName = keyof typeof errorCodes;

/** WebSocket close codes (RFC 6455 §7.4; 4000 and above are ours). */
export const closeCodes = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  invalidPayload: 1007,
  policyViolation: 1008,
  messageTooBig: 1009,
  internalError: 1011,
  tokenRevoked: 4001,
  versionMismatch: 4002,
  helloTimeout: 4003,
} as const;

/** Closes after which dialling again at once or later can not help: a person must act. */
export const finalCloseCodes: ReadonlySet<number> = new Set([
  closeCodes.policyViolation,
  closeCodes.tokenRevoked,
  closeCodes.versionMismatch,
]);
/** HTTP statuses of a refused upgrade that a retry does not heal. */
export const finalHttpStatuses: ReadonlySet<number> = new Set([400, 401, 403, 404, 421, 426]);
