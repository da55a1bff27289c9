/** The dialogues of protocols that talk in lines. */
import { type Conversation, type Dialogue, saying, StartTlsError } from './conversation.ts';

interface LineProtocol {
  readonly title: string;
  /** The lines of one answer, the deciding one last. */
  readonly answer: (talk: Conversation) => Promise<readonly string[]>;
  /** Of the first one; by default as `answer`. */
  readonly greeting?: (talk: Conversation) => Promise<readonly string[]>;
  readonly welcomes: RegExp;
  /** It speaks the protocol, but not with us, or not now. */
  readonly turnsAway: RegExp;
  readonly hello?: { readonly command: string; readonly accepts: RegExp };
  /** A line before the request, where the protocol has servers say that they can. */
  readonly offers?: RegExp;
  readonly request: string;
  readonly consents: RegExp;
}

/** RFC 3207, RFC 2033. */
function mail(title: string, hello: string): LineProtocol {
  return {
    title,
    answer: numbered,
    welcomes: /^220\b/,
    turnsAway: /^[45]\d\d\b/,
    hello: { command: hello, accepts: /^250\b/ },
    offers: /^250[- ]STARTTLS\b/i,
    request: 'STARTTLS',
    consents: /^220\b/,
  };
}

export const lineDialogues = {
  smtp: dialogue(mail('SMTP', 'EHLO localhost')),
  lmtp: dialogue(mail('LMTP', 'LHLO localhost')),
  // RFC 9051, 6.2.1
  imap: dialogue({
    title: 'IMAP',
    answer: tagged,
    greeting: oneLine,
    welcomes: /^\* (OK|PREAUTH)\b/i,
    turnsAway: /^\* BYE\b/i,
    request: 'a1 STARTTLS',
    consents: /^a1 OK\b/i,
  }),
  // RFC 2595, 4
  pop3: dialogue({
    title: 'POP3',
    answer: oneLine,
    welcomes: /^\+OK\b/,
    turnsAway: /^-ERR\b/,
    request: 'STLS',
    consents: /^\+OK\b/,
  }),
  // RFC 5804, 1.7 and 2.2
  sieve: dialogue({
    title: 'ManageSieve',
    answer: sieveAnswer,
    welcomes: /^OK\b/i,
    turnsAway: /^(NO|BYE)\b/i,
    offers: /^("STARTTLS"|\{8\+?\}STARTTLS)/i,
    request: 'STARTTLS',
    consents: /^OK\b/i,
  }),
  // RFC 4642, 2.2; greetings: RFC 3977, 5.1
  nntp: dialogue({
    title: 'NNTP',
    answer: oneLine,
    welcomes: /^20[01]\b/,
    turnsAway: /^[45]\d\d\b/,
    request: 'STARTTLS',
    consents: /^382\b/,
  }),
  // RFC 4217, 4; greetings: RFC 959, 5.4
  ftp: dialogue({
    title: 'FTP',
    answer: framed,
    greeting: async (talk) => {
      const lines = await framed(talk);
      return lines.at(-1)?.startsWith('120') === true ? framed(talk) : lines;
    },
    welcomes: /^220\b/,
    turnsAway: /^[45]\d\d\b/,
    request: 'AUTH TLS',
    consents: /^234\b/,
  }),
} as const satisfies Readonly<Record<string, Dialogue>>;

const advice = 'enable STARTTLS there, or correct the endpoint';

function dialogue(protocol: LineProtocol): Dialogue {
  return async (talk) => {
    const greeting = await (protocol.greeting ?? protocol.answer)(talk);
    if (protocol.turnsAway.test(last(greeting))) {
      throw new StartTlsError(saying('it turns the connection away', words(greeting)));
    }
    if (!protocol.welcomes.test(last(greeting))) {
      throw new StartTlsError(saying(`it does not speak ${protocol.title}`, words(greeting)));
    }
    const before = [...greeting];
    if (protocol.hello !== undefined) {
      const { command, accepts } = protocol.hello;
      talk.say(`${command}\r\n`);
      const hello = await protocol.answer(talk);
      if (!accepts.test(last(hello))) throw new StartTlsError(saying(`it refuses ${command}`, words(hello)));
      before.push(...hello);
    }
    if (protocol.offers !== undefined && !before.some((line) => protocol.offers?.test(line))) {
      throw new StartTlsError('it offers no STARTTLS', advice);
    }
    talk.say(`${protocol.request}\r\n`);
    const answer = await protocol.answer(talk);
    if (!protocol.consents.test(last(answer))) {
      throw new StartTlsError(saying(`it refuses ${protocol.request.replace(/^a1 /, '')}`, words(answer)), advice);
    }
  };
}

function last(lines: readonly string[]): string {
  return lines.at(-1) ?? '';
}

/** What people should read of an answer: all lines with a number, else the deciding one. */
function words(lines: readonly string[]): string {
  return lines.every((line) => /^\d{3}/.test(line)) ? lines.join(' ') : last(lines);
}

async function oneLine(talk: Conversation): Promise<string[]> {
  return [await talk.line()];
}

/** `250-…` until `250 …` (RFC 5321, 4.2.1). */
async function numbered(talk: Conversation): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = await talk.line();
    lines.push(line);
    if (!/^\d{3}-/.test(line) || line.slice(0, 3) !== lines[0]?.slice(0, 3)) return lines;
  }
}

/** As FTP has it: between `220-…` and `220 …` anything goes (RFC 959, 4.2). */
async function framed(talk: Conversation): Promise<string[]> {
  const first = await talk.line();
  const lines = [first];
  if (!/^\d{3}-/.test(first)) return lines;
  for (;;) {
    const line = await talk.line();
    lines.push(line);
    if (line === first.slice(0, 3) || line.startsWith(`${first.slice(0, 3)} `)) return lines;
  }
}

/** Untagged answers may come before the tagged one (RFC 9051, 7). */
async function tagged(talk: Conversation): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = await talk.line();
    lines.push(line);
    if (!line.startsWith('* ') || /^\* BYE\b/i.test(line)) return lines;
  }
}

/** Capabilities, then `OK`, `NO` or `BYE`; any text may be a literal `{5}` with its bytes on the next line (RFC 5804, 4). */
async function sieveAnswer(talk: Conversation): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    let part = await talk.line();
    let line = part;
    for (let size = literal(part); size !== null; size = literal(part)) {
      const content = (await talk.bytes(size)).toString('utf8');
      // What follows the bytes belongs to the same line.
      part = await talk.line();
      line += content + part;
    }
    lines.push(line);
    if (!/^["{]/.test(line)) return lines;
  }
}

function literal(line: string): number | null {
  const size = /\{(\d{1,9})\+?\}$/.exec(line)?.[1];
  return size === undefined ? null : Number(size);
}
