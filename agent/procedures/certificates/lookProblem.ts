import { type Endpoint, startTlsAt, startTlsSchemes } from '../../config/endpoints.ts';
import { causeOf } from '../../thrown.ts';
import { StartTlsError } from './conversation.ts';
import { plain } from './names.ts';

export interface LookProblem {
  /** The end of a sentence after `Nothing could be seen at ENDPOINT: `. */
  readonly message: string;
  /** What to do, after that; null = see to it that it answers. */
  readonly advice: string | null;
}

/** Why nothing could be seen at `endpoint`. */
export function lookProblem(error: unknown, endpoint: Endpoint): LookProblem {
  if (error instanceof StartTlsError) return { message: error.message, advice: error.advice };
  const code = firstCode(error);
  if (noTls.test(code)) return endpoint.starttls === null ? notAtOnce(endpoint.port) : notAfterwards;
  const [, message, advice] = texts.find(([pattern]) => pattern.test(code)) ?? [];
  // Some that begin in the clear hang up on TLS without a word, as slapd and PostgreSQL do.
  const usual = closes.test(code) && endpoint.starttls === null && startTlsAt(endpoint.port) !== null;
  return {
    message: message ?? `the TLS handshake failed (${plain(code)})`,
    advice: usual ? notAtOnce(endpoint.port).advice : (advice ?? null),
  };
}

const closes = /^(ECONNRESET|EPIPE)$/;
const noTls = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|RECORD_(TOO|LENGTH)/;

function notAtOnce(port: number): LookProblem {
  const usual = startTlsAt(port);
  const scheme = usual === null ? `${startTlsSchemes} before it if it begins in the clear` : `${usual}:// before it`;
  return {
    message: 'it does not speak TLS, or not at once',
    advice: `name the port of its TLS, or write ${scheme}`,
  };
}

const notAfterwards: LookProblem = {
  message: 'it agrees to TLS but goes on in the clear',
  advice: 'look into the log of the service',
};

const texts: readonly (readonly [code: RegExp, message: string, advice?: string])[] = [
  [/^ECONNREFUSED$/, 'nothing listens there'],
  [/^(ENOTFOUND|EAI_)/, 'its name has no address'],
  [/^(EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EADDRNOTAVAIL)$/, 'it cannot be reached over the network'],
  [closes, 'it closes the connection during the TLS handshake'],
  [
    /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/,
    'it speaks only TLS 1.1 or older, which is refused',
    'enable TLS 1.2 or 1.3 there',
  ],
  [/CERTIFICATE_REQUIRED|BAD_CERTIFICATE/, 'it asks for a client certificate'],
  [/UNRECOGNIZED_NAME/, 'it knows no site of that name', 'name the site by --host, or set it up there'],
  [
    /HANDSHAKE_FAILURE|NO_SHARED_CIPHER|SMALL|TOO_WEAK/,
    'it offers no encryption that is safe enough',
    'enable forward secrecy with AES-GCM or ChaCha20 there',
  ],
];

/** Some addresses of a name fail in different ways; the first tells enough. */
function firstCode(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return firstCode(error.errors[0]);
  return causeOf(error);
}
