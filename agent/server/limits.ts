/** How much and how long a peer may take. All times in milliseconds. */
export interface Limits {
  /** From the upgrade to `hello`. */
  readonly helloMs: number;
  /** Between pings; a peer that stays silent over two of them is cut off by the third. */
  readonly heartbeatMs: number;
  /** From the connection to the end of the request's headers. */
  readonly headersMs: number;
  /** WebSocket sessions at once. */
  readonly sessions: number;
  /** Of these, sessions of one token, so that its holder can not take every place. */
  readonly sessionsPerActor: number;
  /** TCP connections that have not shown a token; one more, and the oldest of them goes. */
  readonly unauthenticated: number;
}

export const defaultLimits: Limits = {
  helloMs: 10_000,
  heartbeatMs: 20_000,
  headersMs: 10_000,
  sessions: 200,
  sessionsPerActor: 100,
  unauthenticated: 128,
};

/** Frames in which one message may come; more, and the connection is closed with 1008. */
export const maxFragments = 1024;
/** Pieces in which the bytes of one frame may come off the network; a full message has some 700 at an MTU of 1,500. */
export const maxBufferedChunks = 8192;
/** Bytes of unfinished messages and unanswered requests in memory, of all connections together. */
export const maxInboundBytes = 8 * 1024 * 1024;
/** A peer that has this many bytes of answers still to read is not read from. */
export const maxUnreadBytes = 1024 * 1024;
/** After a close frame the peer has so long to answer it. */
export const closeGraceMs = 1000;
