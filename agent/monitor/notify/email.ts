/** Sends one e-mail over SMTP (nodemailer). */
import { refuseHost } from '../../outbound.ts';

export interface Email {
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
}

/** Most hosts send no e-mail: the agent stays small without. */
export async function loadEmail(): Promise<void> {
  await import('nodemailer');
}

/** Throws when the server does not take it. `smtp` is a smtp:// or smtps:// URL. */
export async function sendEmail(smtp: string, email: Email): Promise<void> {
  refuseHost(new URL(smtp).hostname);
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({ url: smtp, connectionTimeout: 10_000, socketTimeout: 20_000 });
  try {
    await transport.sendMail({ from: email.from, to: [...email.to], subject: email.subject, text: email.text });
  } finally {
    transport.close();
  }
}
