/** Whom this editor trusts: certificates that no authority vouches for are shown once, remembered, and watched from then on. */
import type { TLSSocket } from 'node:tls';
import type { Pin } from './client/certificate.ts';
import { pinOf } from './client/certificate.ts';
import { ConnectError } from './client/openSocket.ts';
import { ChangedCertificateError, connectTls, placeText, UntrustedCertificateError, type Place } from './client/tls.ts';
import type { Dialogs } from './dialogs.ts';

/** By place (`db-01.example.org:7433`). */
export interface Pins {
  readonly get: (place: string) => Pin | null;
  readonly set: (place: string, pin: Pin) => Promise<void>;
  readonly delete: (place: string) => Promise<void>;
}

export interface CertificateTrustParts {
  readonly pins: Pins;
  readonly dialogs: Pick<Dialogs, 'confirm' | 'error'>;
  /** Begins "Forget Certificate…" for this host. */
  readonly forget: (host: string) => void;
}

export class CertificateTrust {
  readonly #parts: CertificateTrustParts;
  /** Questions that are open: two hosts at one place are one question. */
  readonly #asking = new Map<string, Promise<boolean>>();

  constructor(parts: CertificateTrustParts) {
    this.#parts = parts;
  }

  /** Resolves with a connection whose certificate was accepted; until then nothing is sent. `host`: its name in the editor. */
  async connect(host: string, place: Place): Promise<TLSSocket> {
    const { pins } = this.#parts;
    const key = placeText(place);
    try {
      return await connectTls(place, pins.get(key));
    } catch (error) {
      if (error instanceof ChangedCertificateError) void this.#scream(host, error);
      if (!(error instanceof UntrustedCertificateError)) throw error;
      // Meanwhile somebody may have answered for another host at this place.
      if (pins.get(key) !== null) return await this.connect(host, place);
      if (!(await this.#ask(host, key, error))) throw declined(host, error);
      const pin = pinOf(error.certificate, new Date());
      await pins.set(key, pin);
      // Its own connection: the one that showed the certificate is gone, and only one that shows it again is used.
      return connectTls(place, pin);
    }
  }

  #ask(host: string, place: string, { certificate, reason }: UntrustedCertificateError): Promise<boolean> {
    const { fingerprint, subject, issuer, names, notAfter } = certificate;
    const key = `${place} ${fingerprint}`;
    const open = this.#asking.get(key);
    if (open !== undefined) return open;
    const detail = [
      `It ${reason}.`,
      `SHA-256 fingerprint:\n${fingerprint}`,
      `For: ${names === '' ? subject : names}\nIssued by: ${issuer}\nValid until: ${notAfter.toISOString().slice(0, 10)}`,
      'Compare the fingerprint with what "upkeep status" says on the host. Your token is sent only after you trust it; a changed certificate is refused from then on.',
    ].join('\n\n');
    const title = `Trust the certificate of ${host} (${place})?`;
    const asked = this.#parts.dialogs.confirm(title, detail, 'Trust Certificate').finally(() => {
      this.#asking.delete(key);
    });
    this.#asking.set(key, asked);
    return asked;
  }

  async #scream(host: string, { message }: ChangedCertificateError): Promise<void> {
    const action = 'Forget Certificate…';
    if ((await this.#parts.dialogs.error(`${host}: ${message}`, action)) === action) this.#parts.forget(host);
  }
}

function declined(host: string, cause: UntrustedCertificateError): ConnectError {
  const { fingerprint } = cause.certificate;
  const message = `the certificate of ${host} was not accepted (SHA-256 ${fingerprint}): reconnect to be asked again`;
  return new ConnectError({ message, code: null, final: true }, { cause });
}
