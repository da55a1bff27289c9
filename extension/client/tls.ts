/**
 * TLS to an agent. The platform checks every certificate: first against the authorities of this machine, or, once a person has
 * accepted one for this place, against that one alone. Nothing is sent before the check: the connection is given out once it is
 * through. Of a certificate that the platform refuses, what a person must see is read at the end of the handshake, just before that.
 */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { checkServerIdentity, connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { dateProblem, seenCertificate, type Pin, type SeenCertificate } from './certificate.ts';
import { messageOf } from './errors.ts';
import { ConnectError } from './openSocket.ts';

export interface Place {
  /** Name or IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `db-01.example.org:7433`; the key of its pin. */
export function placeText({ host, port }: Place): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Of an address as `parseAddress` gives it. */
export function placeOf(url: string): Place {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? 443 : Number(port) };
}

/** Nobody known vouches for the certificate, or it is made out for another name: a person may decide to trust it. */
export class UntrustedCertificateError extends ConnectError {
  readonly certificate: SeenCertificate;
  /** Goes on after "It ". */
  readonly reason: string;

  constructor(place: string, certificate: SeenCertificate, reason: string) {
    const message = `the certificate of ${place} is not trusted: it ${reason} (SHA-256 ${certificate.fingerprint})`;
    super({ message, code: null, final: true });
    this.name = 'UntrustedCertificateError';
    this.certificate = certificate;
    this.reason = reason;
  }
}

/** The place shows another certificate than the one that was accepted for it. */
export class ChangedCertificateError extends ConnectError {
  readonly pin: Pin;
  readonly certificate: SeenCertificate;

  constructor(place: string, pin: Pin, certificate: SeenCertificate) {
    const message =
      `THE CERTIFICATE OF ${place} HAS CHANGED. You accepted SHA-256 ${pin.fingerprint}, it now shows SHA-256 ${certificate.fingerprint}. ` +
      'Somebody may be listening in: compare with "upkeep status" on the host. Only if it is right there: "Upkeep: Forget Certificate…"';
    super({ message, code: null, final: true });
    this.name = 'ChangedCertificateError';
    this.pin = pin;
    this.certificate = certificate;
  }
}

const handshakeTimeoutMs = 10_000;
/** RFC 8996. */
const oldestTls = 'TLSv1.2';

/** Resolves once the certificate is accepted; otherwise the connection is gone and a ConnectError says why. */
export function connectTls(place: Place, pin: Pin | null, now: () => Date = () => new Date()): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    let shown: X509Certificate | undefined;
    let seen: SeenCertificate | null = null;
    const socket = connect({
      host: place.host,
      port: place.port,
      ...(isIP(place.host) === 0 ? { servername: place.host } : {}),
      minVersion: oldestTls,
      ALPNProtocols: ['http/1.1'],
      ...(pin === null ? {} : onlyThis(pin)),
      // Node gives a peer's certificate out once: its own check of names would look at an empty one.
      checkServerIdentity: (host) =>
        shown === undefined ? new Error('no certificate') : identityProblem(host, shown, pin),
    });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(judge(error, place, pin, seen, now()));
    };
    const timer = setTimeout(() => {
      fail(new Error(`no TLS handshake within ${handshakeTimeoutMs / 1000} s`));
    }, handshakeTimeoutMs);
    const onClose = (): void => {
      fail(Object.assign(new Error('the connection was closed during the TLS handshake'), { code: 'ECONNRESET' }));
    };
    socket.prependListener('secure', () => {
      shown = socket.getPeerX509Certificate();
      seen = shown === undefined ? null : seenCertificate(shown);
    });
    // Stays: between this and the next owner nobody else listens.
    socket.on('error', fail);
    socket.once('close', onClose);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      socket.off('close', onClose);
      resolve(socket);
    });
  });
}

/** The accepted certificate is the only authority, also when it is no self-signed one. */
function onlyThis(pin: Pin): ConnectionOptions {
  return { ca: [pin.pem], allowPartialTrustChain: true };
}

/** Of an accepted certificate the names no longer count, its dates do; and it is the only one that may be shown. */
function identityProblem(host: string, shown: X509Certificate, pin: Pin | null): Error | undefined {
  if (pin === null) return checkServerIdentity(host, shown.toLegacyObject());
  return shown.fingerprint256 === pin.fingerprint ? undefined : new Error('another certificate than the accepted one');
}

function judge(
  error: NodeJS.ErrnoException,
  place: Place,
  pin: Pin | null,
  seen: SeenCertificate | null,
  now: Date,
): ConnectError {
  const name = placeText(place);
  if (seen === null) return handshakeError(error, name);
  if (pin !== null && pin.fingerprint !== seen.fingerprint) return new ChangedCertificateError(name, pin, seen);
  const dates = dateProblem(seen, now);
  if (dates !== null) return refused(`the certificate of ${name} ${dates}: renew it on the host`, error);
  const reason = pin === null ? distrust(error, seen, place) : null;
  if (reason !== null) return new UntrustedCertificateError(name, seen, reason);
  return refused(`the certificate of ${name} is refused: ${error.code ?? messageOf(error)}`, error);
}

/** Goes on after "it "; null for what no person should wave through (a bad signature, a weak key, a revoked one). */
function distrust({ code }: NodeJS.ErrnoException, seen: SeenCertificate, { host }: Place): string | null {
  switch (code ?? '') {
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return 'vouches for itself';
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'CERT_UNTRUSTED':
      return `was issued by ${seen.issuer}, whom this machine does not trust`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `is made out for ${seen.names === '' ? seen.subject : seen.names}, not for ${host}`;
    default:
      return null;
  }
}

/** Failures before any certificate was seen. */
function handshakeError(error: NodeJS.ErrnoException, name: string): ConnectError {
  const { code = '' } = error;
  if (plainAnswers.has(code))
    return refused(`${name} does not speak TLS: is it an agent without server.tls (ws://)?`, error);
  if (oldProtocols.has(code)) return refused(`${name} speaks no TLS 1.2 or newer: update what answers there`, error);
  return new ConnectError({ message: messageOf(error), code: null, final: false }, { cause: error });
}

/** What OpenSSL and BoringSSL say of an answer that is no TLS record. */
const plainAnswers: ReadonlySet<string> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_UNKNOWN_PROTOCOL',
]);
const oldProtocols: ReadonlySet<string> = new Set([
  'ERR_SSL_UNSUPPORTED_PROTOCOL',
  'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  'ERR_SSL_SSL/TLS_ALERT_PROTOCOL_VERSION',
]);

function refused(message: string, cause: Error): ConnectError {
  return new ConnectError({ message, code: null, final: true }, { cause });
}
