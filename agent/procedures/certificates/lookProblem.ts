import { plain } from './names.ts';
import { StartTlsError } from './starttls.ts';

/** Why nothing could be seen at an endpoint, as the end of a sentence after `Nothing could be seen at ENDPOINT: `. */
export function lookProblem(error: unknown): string {
  if (error instanceof StartTlsError) return error.message;
  const code = codeOf(error);
  const text = texts.find(([pattern]) => pattern.test(code))?.[1];
  if (text !== undefined) return text;
  return `the TLS handshake failed (${plain(code)})`;
}

const texts: readonly (readonly [RegExp, string])[] = [
  [/^ECONNREFUSED$/, 'nothing listens there'],
  [/^(ENOTFOUND|EAI_)/, 'its name has no address'],
  [/^(EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EADDRNOTAVAIL)$/, 'it cannot be reached over the network'],
  [/^(ECONNRESET|EPIPE)$/, 'it closes the connection during the TLS handshake'],
  [
    /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/,
    'it speaks only TLS 1.1 or older, which is refused; enable TLS 1.2 or 1.3 there',
  ],
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|RECORD_(TOO|LENGTH)/,
    'it does not speak TLS; is it plain HTTP?',
  ],
  [/CERTIFICATE_REQUIRED|BAD_CERTIFICATE/, 'it asks for a client certificate'],
  [/UNRECOGNIZED_NAME/, 'it knows no site of that name'],
  [/HANDSHAKE_FAILURE|NO_SHARED_CIPHER|SMALL|TOO_WEAK/, 'it offers no encryption that is safe enough'],
];

/** Some addresses of a name fail in different ways; the first tells enough. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
