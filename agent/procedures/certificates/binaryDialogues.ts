/** The dialogues of protocols whose messages are binary. */
import { type Conversation, type Dialogue, saying, StartTlsError } from './conversation.ts';
import { derChildren, derLength, derTag, readDer } from './der.ts';

const advice = 'enable TLS there, or correct the endpoint';

export const binaryDialogues = {
  // SSLRequest: https://www.postgresql.org/docs/current/protocol-message-formats.html
  postgres: async (talk) => {
    const request = Buffer.alloc(8);
    request.writeInt32BE(8, 0);
    request.writeInt32BE(80_877_103, 4);
    talk.say(request);
    const answer = (await talk.bytes(1)).toString('latin1');
    if (answer === 'N') throw new StartTlsError('the server has TLS switched off (ssl = off)', advice);
    if (answer !== 'S') throw alien('the PostgreSQL protocol', talk, answer);
  },
  mysql,
  // ExtendedRequest with the name of StartTLS: RFC 4511, 4.12 and 4.14
  ldap: async (talk) => {
    const name = Buffer.from('1.3.6.1.4.1.1466.20037');
    talk.say(Buffer.from([0x30, 7 + name.length, 0x02, 0x01, 0x01, 0x77, 2 + name.length, 0x80, name.length, ...name]));
    const message = await talk.take((bytes) => {
      if (bytes.length > 0 && bytes[0] !== derTag.sequence) throw alien('LDAP', talk, '');
      return derLength(bytes) ?? 0;
    });
    const response = derChildren(readDer(message))[1];
    if (response?.tag !== 0x78) throw alien('LDAP', talk, '');
    const [code, , diagnostic] = derChildren(response);
    if (code?.tag !== derTag.enumerated || code.content[0] !== 0) {
      const words = diagnostic?.tag === derTag.octetString ? diagnostic.content.toString('utf8') : '';
      const refusal = `it refuses StartTLS (result code ${code?.content[0] ?? 'missing'})`;
      throw new StartTlsError(saying(refusal, words), advice);
    }
  },
} as const satisfies Readonly<Record<string, Dialogue>>;

/** https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html */
const capability = { longPassword: 0x1, protocol41: 0x200, ssl: 0x800, secureConnection: 0x8000 } as const;

/** Protocol::HandshakeV10 has about 100 bytes, an error at most 512 characters. */
const longestGreeting = 4096;

/** Protocol::HandshakeV10 and Protocol::SSLRequest, which TLS follows without an answer; MariaDB does the same. */
async function mysql(talk: Conversation): Promise<void> {
  const header = await talk.bytes(4);
  const length = header.readUIntLE(0, 3);
  if (length < 2 || length > longestGreeting) throw alien('the MySQL protocol', talk, header.toString('latin1'));
  const payload = await talk.bytes(length);
  if (payload[0] === 0xff) {
    // ERR_Packet: number, then perhaps `#` and five characters of SQLSTATE, then words.
    const words = payload
      .subarray(3)
      .toString('utf8')
      .replace(/^#[0-9A-Z]{5}/, '');
    throw new StartTlsError(saying('it turns the connection away', words));
  }
  // Version of the server until NUL, connection id (4), first half of the scramble (8), NUL, lower half of the flags (2).
  const flagsAt = payload.indexOf(0, 1) + 14;
  if (payload[0] !== 10 || flagsAt < 14 || flagsAt + 2 > length) throw alien('the MySQL protocol', talk, '');
  const flags = payload.readUInt16LE(flagsAt);
  if ((flags & capability.protocol41) === 0 || (flags & capability.ssl) === 0) {
    throw new StartTlsError('the server has TLS switched off (have_ssl)', advice);
  }
  if (!talk.empty) return;
  const request = Buffer.alloc(36);
  request.writeUIntLE(32, 0, 3);
  request[3] = 1;
  request.writeUInt32LE(
    capability.longPassword | capability.protocol41 | capability.ssl | capability.secureConnection,
    4,
  );
  request.writeUInt32LE(0x0100_0000, 8);
  request[12] = utf8mb4;
  talk.say(request);
}

/** Number of utf8mb4_general_ci. */
const utf8mb4 = 45;

/** What answers otherwise: `begun` has been read already. */
function alien(title: string, talk: Conversation, begun: string): StartTlsError {
  const words = /^[\t\r\n\x20-\x7e]*$/.test(begun) && talk.unread !== '' ? `${begun}${talk.unread}` : '';
  return new StartTlsError(saying(`it does not speak ${title}`, words));
}
