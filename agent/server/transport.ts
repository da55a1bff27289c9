/** The way by which a connection came in; each has its own HTTP server over the same logic. */
export type Transport =
  | {
      readonly kind: 'tcp';
      /** Host names, beside the connection's own address and `localhost` on loopback, by which clients may call this agent now. */
      readonly hostNames: () => readonly string[];
    }
  | {
      readonly kind: 'unix';
      /** Who may open the socket file: the agent's own user. */
      readonly actor: string;
    };

/** A request that is refused before anything is done for it. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 404 | 405 | 415 | 421 | 426 | 429 | 500 | 503;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}
