/**
 * Brings a connection that begins in the clear to the point where TLS may start. What a server sends beyond its consent is
 * refused: it would be read as if it had come protected (CVE-2011-0411, CVE-2021-23214).
 */
import type { StartTls } from '../../config/endpoints.ts';
import { binaryDialogues } from './binaryDialogues.ts';
import { type Conversation, type Dialogue, StartTlsError } from './conversation.ts';
import { lineDialogues } from './lineDialogues.ts';
import { xmppDialogues } from './xmppDialogue.ts';

const dialogues: Readonly<Record<StartTls, Dialogue>> = { ...lineDialogues, ...binaryDialogues, ...xmppDialogues };

/** Leaves the connection to TLS, or throws: StartTlsError, or what the socket was destroyed with. */
export async function startTls(talk: Conversation, protocol: StartTls): Promise<void> {
  try {
    await dialogues[protocol](talk);
    if (!talk.empty) throw new StartTlsError('it sends more than its consent to TLS, as an intruder would');
  } finally {
    talk.release();
  }
}
