import { plain } from './names.ts';
import { StartTlsError } from './starttls.ts';

export interface LookProblem {
  /** The end of a sentence after `Nothing could be seen at ENDPOINT: `. */
  readonly message: string;
  /** What to do, after that; null = see to it that it answers. */
  readonly advice: string | null;
}

/** Why nothing could be seen at an endpoint. */
export function lookProblem(error: unknown): LookProblem {
  if (error instanceof StartTlsError) return { message: error.message, advice: null };
  const code = codeOf(error);
  const [, message, advice] = texts.find(([pattern]) => pattern.test(code)) ?? [];
  return { message: message ?? `the TLS handshake failed (${plain(code)})`, advice: advice ?? null };
}

const texts: readonly (readonly [code: RegExp, message: string, advice?: string])[] = [
  [/^ECONNREFUSED$/, 'nothing listens there'],
  [/^(ENOTFOUND|EAI_)/, 'its name has no address'],
  [/^(EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EADDRNOTAVAIL)$/, 'it cannot be reached over the network'],
  [/^(ECONNRESET|EPIPE)$/, 'it closes the connection during the TLS handshake'],
  [
    /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/,
    'it speaks only TLS 1.1 or older, which is refused',
    'enable TLS 1.2 or 1.3 there',
  ],
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|RECORD_(TOO|LENGTH)/,
    'it does not speak TLS, or not at once',
    'name the port of its TLS, or write smtp://, imap://, ldap:// or postgres:// before it if it begins in the clear',
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
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
