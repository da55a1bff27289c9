/** Keeps the certificate of the server in step with its files: a renewal is taken over while connections go on. */
import { watchConfig, type Watcher } from '../config/watch.ts';
import type { Clock } from '../schedule/clock.ts';
import { messageOf } from '../thrown.ts';
import { expiryProblem, readCertificate, type CertificateFiles, type ServingCertificate } from './certificate.ts';
import type { ServerLog } from './log.ts';

export interface CertificateKeeperParts {
  readonly files: CertificateFiles;
  readonly clock: Clock;
  readonly log: ServerLog;
  /** A sentence while the files hold nothing that can be served, or what is served has expired; null once all is well. */
  readonly onProblem: (problem: string | null) => void;
}

/** Tools write certificate and key one after the other: between the two they do not match. */
const secondLookMs = 2000;

export class CertificateKeeper {
  readonly #parts: CertificateKeeperParts;
  readonly #watchers: readonly Watcher[];
  readonly #listeners = new Set<(certificate: ServingCertificate) => void>();
  #current: ServingCertificate;
  #disarm: () => void = () => undefined;

  /** Throws one sentence when the files hold nothing that can be served. */
  constructor(parts: CertificateKeeperParts) {
    this.#parts = parts;
    const { files, log } = parts;
    this.#current = readCertificate(files);
    const all = [files.cert, files.key, ...(files.clientCa === null ? [] : [files.clientCa])];
    this.#watchers = all.map((file) =>
      watchConfig(
        file,
        () => {
          this.#look(true);
        },
        (message) => {
          log.warn({ file }, message);
        },
      ),
    );
  }

  get current(): ServingCertificate {
    return this.#current;
  }

  get mutual(): boolean {
    return this.#parts.files.clientCa !== null;
  }

  start(): void {
    for (const watcher of this.#watchers) watcher.start();
    this.#look(false);
  }

  stop(): void {
    this.#disarm();
    for (const watcher of this.#watchers) watcher.stop();
  }

  /** Reads the files again, now. What is wrong with them is told by `onProblem`; what was served before then stays. */
  reload(): void {
    this.#look(false);
  }

  /** Called with each certificate that takes the place of another. */
  onChange(listener: (certificate: ServingCertificate) => void): void {
    this.#listeners.add(listener);
  }

  #look(again: boolean): void {
    const { files, clock, log, onProblem } = this.#parts;
    this.#disarm();
    try {
      this.#take(readCertificate(files));
      const expired = expiryProblem(this.#current, clock.now());
      onProblem(
        expired === null ? null : `The certificate ${files.cert}: ${expired}. Renew it; it is taken over by itself.`,
      );
    } catch (error) {
      if (again) {
        this.#disarm = clock.after(secondLookMs, () => {
          this.#look(false);
        });
        return;
      }
      const reason = messageOf(error);
      const problem = `The new certificate is not used, the one before stays: ${reason}.`;
      log.error({ err: error, fingerprint: this.#current.fingerprint }, problem);
      onProblem(problem);
    }
  }

  #take(next: ServingCertificate): void {
    const { context, fingerprint, notAfter } = next;
    if (JSON.stringify(context) === JSON.stringify(this.#current.context)) return;
    this.#current = next;
    for (const listener of this.#listeners) listener(next);
    this.#parts.log.info({ fingerprint, notAfter }, 'the server shows a new certificate');
  }
}
