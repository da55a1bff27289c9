/** What one lane of work hands over to the next, in its order. */
export class Channel<Item> implements AsyncIterable<Item> {
  readonly #signal: AbortSignal;
  #items: Item[] = [];
  #ended = false;
  #wake: (() => void) | null = null;

  /** Once the signal is aborted, who takes gets its reason. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
  }

  push(item: Item): void {
    this.#items.push(item);
    this.#wake?.();
  }

  /** Nothing comes any more. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The next one, when it comes; null at the end. One at a time may wait. */
  async take(): Promise<Item | null> {
    for (;;) {
      this.#signal.throwIfAborted();
      if (this.#items.length > 0) return this.#items.shift() ?? null;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    for (let item = await this.take(); item !== null; item = await this.take()) yield item;
  }
}

/**
 * Lanes that work together: resolves when all have ended. When one fails, the others are told by `stop`, and once they have ended too
 * it rejects with that first error.
 */
export async function together(lanes: readonly Promise<void>[], stop: AbortController): Promise<void> {
  let first: { readonly error: unknown } | null = null;
  const watched = lanes.map(async (lane) => {
    try {
      await lane;
    } catch (error) {
      first ??= { error };
      stop.abort(error);
    }
  });
  await Promise.all(watched);
  const failed = first as { readonly error: unknown } | null;
  if (failed !== null) throw failed.error;
}
