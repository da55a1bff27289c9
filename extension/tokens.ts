/** Tokens of hosts, in the editor's secret storage; each belongs to one address and is sent to no other. */
import type * as vscode from 'vscode';

export class Tokens {
  readonly #secrets: vscode.SecretStorage;

  constructor(secrets: vscode.SecretStorage) {
    this.#secrets = secrets;
  }

  /** `url`: the address as `parseAddress` gives it. */
  async get(url: string): Promise<string | null> {
    return (await this.#secrets.get(keyOf(url))) ?? null;
  }

  async set(url: string, token: string): Promise<void> {
    await this.#secrets.store(keyOf(url), token);
  }

  async delete(url: string): Promise<void> {
    await this.#secrets.delete(keyOf(url));
  }
}

function keyOf(url: string): string {
  return `token:${url}`;
}
