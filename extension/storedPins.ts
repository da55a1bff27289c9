/** Accepted certificates, in the editor's own storage: no workspace can write there, and they are no secrets. */
import type * as vscode from 'vscode';
import { pin, type Pin } from './client/certificate.ts';
import type { Pins } from './certificateTrust.ts';

export class StoredPins implements Pins {
  readonly #memento: vscode.Memento;

  constructor(memento: vscode.Memento) {
    this.#memento = memento;
  }

  readonly get = (place: string): Pin | null => pin.safeParse(this.#memento.get<unknown>(keyOf(place))).data ?? null;

  readonly set = async (place: string, accepted: Pin): Promise<void> => {
    await this.#memento.update(keyOf(place), accepted);
  };

  readonly delete = async (place: string): Promise<void> => {
    await this.#memento.update(keyOf(place), undefined);
  };
}

function keyOf(place: string): string {
  return `certificate:${place}`;
}
