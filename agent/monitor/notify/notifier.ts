/** Sends alerts through every configured channel. A channel that fails is logged, and does not hold up the others. */
import type { Logger } from 'pino';
import type { Config } from '../../config/schema.ts';
import type { Alert } from '../../protocol/nouns.ts';
import { messageOf } from '../../thrown.ts';
import { loadEmail, sendEmail } from './email.ts';
import { postJson } from './webhook.ts';

export interface NotifierParts {
  readonly host: string;
  readonly settings: () => Config['notifications'];
  readonly log: Logger;
}

export class Notifier {
  readonly #parts: NotifierParts;
  readonly #pending = new Set<Promise<void>>();

  constructor(parts: NotifierParts) {
    this.#parts = parts;
  }

  /** Loads what the configured channels need, so that an alert does not depend on files that an upgrade may be replacing. */
  prepare(): void {
    const { email_list: recipients, smtp } = this.#parts.settings();
    if (recipients !== undefined && smtp !== undefined) this.#start('email', loadEmail());
  }

  send(alert: Alert): void {
    const settings = this.#parts.settings();
    const title = `[${this.#parts.host}] ${alert.title}`;
    const text = `${title}\n${alert.message}`;
    const { slack_webhook: slack, webhook, email_list: recipients, smtp } = settings;
    if (slack !== undefined) this.#start('slack', postJson(slack, { text }));
    if (webhook !== undefined) this.#start('webhook', postJson(webhook, { host: this.#parts.host, alert }));
    if (recipients !== undefined && recipients.length > 0 && smtp !== undefined) {
      const from = settings.from ?? `upkeep@${this.#parts.host}`;
      this.#start('email', sendEmail(smtp, { from, to: recipients, subject: title, text: alert.message }));
    }
  }

  /** Waits for what is being sent. */
  async stop(): Promise<void> {
    await Promise.allSettled([...this.#pending]);
  }

  #start(channel: string, sending: Promise<void>): void {
    const watched = sending
      .catch((error: unknown) => {
        const cause = messageOf(error);
        this.#parts.log.error({ channel, cause }, 'an alert could not be sent');
      })
      .finally(() => this.#pending.delete(watched));
    this.#pending.add(watched);
  }
}
