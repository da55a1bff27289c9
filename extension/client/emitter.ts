/** The smallest event source: `vscode.EventEmitter` without VS Code. */
export type Unsubscribe = () => void;

export class Emitter<T> {
  readonly #listeners = new Set<(value: T) => void>();

  readonly on = (listener: (value: T) => void): Unsubscribe => {
    const own = (value: T): void => {
      listener(value);
    };
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  };

  fire(value: T): void {
    for (const listener of [...this.#listeners]) listener(value);
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }
}
