/** The dialogue of XMPP (RFC 6120, 4 and 5): just enough XML for what a server may send before TLS, where it allows no comments and no DTD. */
import { domainToUnicode } from 'node:url';
import { type Conversation, type Dialogue, saying, StartTlsError } from './conversation.ts';

const tlsNamespace = 'urn:ietf:params:xml:ns:xmpp-tls';

export const xmppDialogues = {
  'xmpp-client': async (talk) => xmpp(talk, 'jabber:client'),
  'xmpp-server': async (talk) => xmpp(talk, 'jabber:server'),
} as const satisfies Readonly<Record<string, Dialogue>>;

async function xmpp(talk: Conversation, namespace: string): Promise<void> {
  // The domain as people write it (RFC 7622, 3.2.1).
  const domain = escaped(domainToUnicode(talk.name) || talk.name);
  talk.say(
    `<?xml version='1.0'?><stream:stream xmlns='${namespace}' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}' version='1.0'>`,
  );
  let first = await readTag(talk);
  if (first.name === '?xml') first = await readTag(talk);
  if (first.name !== 'stream' || first.kind === 'end') {
    throw new StartTlsError(saying('it does not speak XMPP', `${first.whole}${talk.unread}`));
  }
  if (!(await offersTls(talk))) {
    throw new StartTlsError('it offers no STARTTLS', 'enable STARTTLS there, or correct the endpoint');
  }
  talk.say(`<starttls xmlns='${tlsNamespace}'/>`);
  const answer = await readTag(talk);
  if (answer.name === 'error') throw await streamError(talk);
  if (answer.name !== 'proceed') throw new StartTlsError(saying('it refuses STARTTLS', answer.whole));
  if (answer.kind === 'start') await readTag(talk);
}

/** Reads the features of the stream to their end. */
async function offersTls(talk: Conversation): Promise<boolean> {
  let offered = false;
  for (;;) {
    const tag = await readTag(talk);
    if (tag.name === 'error') throw await streamError(talk);
    if (tag.name === 'stream') throw new StartTlsError('it ends the stream before TLS starts');
    if (tag.name === 'starttls' && tag.kind !== 'end') offered ||= tag.whole.includes(tlsNamespace);
    if (tag.name === 'features' && tag.kind !== 'start') return offered;
  }
}

/** Its condition and text (RFC 6120, 4.9). */
async function streamError(talk: Conversation): Promise<StartTlsError> {
  const said: string[] = [];
  for (let tag = await readTag(talk); !(tag.name === 'error' && tag.kind === 'end'); tag = await readTag(talk)) {
    if (tag.kind !== 'end' && tag.name !== 'text') said.push(tag.name);
    if (tag.before.trim() !== '') said.push(tag.before.trim());
  }
  const unknown = said[0] === 'host-unknown' || said[0] === 'host-gone' || said[0] === 'improper-addressing';
  return unknown
    ? new StartTlsError(saying('it serves no XMPP domain of that name', said.join(' ')), 'name the domain by --host')
    : new StartTlsError(saying('it turns the connection away', said.join(' ')));
}

interface Tag {
  /** Without its prefix. */
  readonly name: string;
  readonly kind: 'start' | 'end' | 'empty';
  /** Text before it. */
  readonly before: string;
  readonly whole: string;
}

/** Attributes may hold `>`. */
const toTag = /^[^<]*<(?:[^>"']|"[^"]*"|'[^']*')*>/;

async function readTag(talk: Conversation): Promise<Tag> {
  const text = (await talk.take((bytes) => toTag.exec(bytes.toString('latin1'))?.[0].length ?? 0)).toString('utf8');
  const at = text.indexOf('<');
  const whole = text.slice(at);
  const name = /^<\/?(?:[^\s/>:]+:)?([^\s/>]+)/.exec(whole)?.[1] ?? '';
  const kind = whole.startsWith('</') ? 'end' : whole.endsWith('/>') ? 'empty' : 'start';
  return { name, kind, before: text.slice(0, at), whole };
}

function escaped(text: string): string {
  return text.replace(/[&<>'"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
