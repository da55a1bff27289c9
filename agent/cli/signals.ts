/** What signals mean to the agent, from its first moment to its last (signal(7), daemon(7)). */

export interface SignalParts {
  /** Configuration is to be read again. */
  readonly onReload: () => void;
  readonly onIgnored: (signal: NodeJS.Signals) => void;
}

export interface Signals {
  /** Resolves with the first signal that asks for an end. */
  readonly stop: Promise<NodeJS.Signals>;
  /** Resolves with the second one: people do not want to wait. */
  readonly atOnce: Promise<NodeJS.Signals>;
  dispose(): void;
}

export function listenForSignals({ onReload, onIgnored }: SignalParts): Signals {
  const stop = Promise.withResolvers<NodeJS.Signals>();
  const atOnce = Promise.withResolvers<NodeJS.Signals>();
  let asked = false;
  const onStop = (signal: NodeJS.Signals): void => {
    if (asked) atOnce.resolve(signal);
    asked = true;
    stop.resolve(signal);
  };
  const handlers: readonly [NodeJS.Signals, (signal: NodeJS.Signals) => void][] = [
    ['SIGTERM', onStop],
    ['SIGINT', onStop],
    ['SIGHUP', onReload],
    // Node would open its debugger on a port (nodejs.org/api/process.html, "Signal events").
    ['SIGUSR1', onIgnored],
    ['SIGUSR2', onIgnored],
  ];
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return {
    stop: stop.promise,
    atOnce: atOnce.promise,
    dispose: () => {
      for (const [signal, handler] of handlers) process.off(signal, handler);
    },
  };
}
