/** A real TLS server on loopback with certificates of the test's own, and handshakes of every kind against it. */
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { CertificateKeeper } from '../../agent/server/certificateKeeper.ts';
import { FakeClock } from '../schedule/fakeClock.ts';
import {
  createAuthority,
  issueCertificate,
  type IssueOptions,
  type Authority,
  type Issued,
} from '../procedures/certificates/authority.ts';
import { startHarness, type Harness, type HarnessOptions, type LogLine } from './harness.ts';

const day = 86_400_000;

export const lifetime = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 30 * day) };

/** A certificate by which a client shows itself. */
export function clientOf(name: string): IssueOptions {
  return { names: [name], usage: 'client', ...lifetime };
}

export interface TlsHarness extends Harness {
  readonly authority: Authority;
  readonly keeper: CertificateKeeper;
  readonly clock: FakeClock;
  /** What `onProblem` was called with. */
  readonly problems: (string | null)[];
  /** Resolves with the next one. */
  nextProblem(): Promise<string | null>;
  /** Resolves when something waits for the clock. */
  nextTimer(): Promise<unknown>;
  /** Resolves with the fingerprint of the next certificate that the server takes over. */
  nextCertificate(): Promise<string>;
  readonly certificateLog: LogLine[];
  readonly files: { readonly cert: string; readonly key: string; readonly clientCa: string };
  issue(names?: readonly string[]): Promise<Issued>;
  /** Puts a pair where the server reads it. */
  install(issued: Pick<Issued, 'chainPem' | 'keyPem'>): void;
  /** Completes a handshake; rejects when it is refused. */
  handshake(options?: ConnectionOptions): Promise<TLSSocket>;
  /** Resolves with the SHA-256 fingerprint that a new connection sees. */
  seen(): Promise<string>;
}

export async function startTlsHarness({
  mutual = false,
  ...options
}: HarnessOptions & { readonly mutual?: boolean } = {}): Promise<TlsHarness> {
  const folder = mkdtempSync(join(tmpdir(), 'upkeep-tls-'));
  const authority = await createAuthority({ name: 'Test authority' });
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), clientCa: join(folder, 'ca.pem') };
  const issue = (names: readonly string[] = ['localhost', '127.0.0.1', 'db-01.example.test']): Promise<Issued> =>
    issueCertificate(authority, { names, ...lifetime });
  const install = ({ chainPem, keyPem }: Pick<Issued, 'chainPem' | 'keyPem'>): void => {
    writeFileSync(files.cert, chainPem);
    writeFileSync(files.key, keyPem, { mode: 0o600 });
  };
  install(await issue());
  writeFileSync(files.clientCa, authority.certPem);
  const problems: (string | null)[] = [];
  const told = new EventEmitter();
  const clock = new (class extends FakeClock {
    override after(ms: number, callback: () => void): () => void {
      told.emit('timer');
      return super.after(ms, callback);
    }
  })(new Date().toISOString());
  const certificateLog: LogLine[] = [];
  const write = (level: LogLine['level']) => (fields: object, message: string) => {
    certificateLog.push({ level, fields, message });
  };
  const keeper = new CertificateKeeper({
    files: { ...files, clientCa: mutual ? files.clientCa : null },
    clock,
    log: { info: write('info'), warn: write('warn'), error: write('error') },
    onProblem: (problem) => {
      problems.push(problem);
      told.emit('problem', problem);
    },
  });
  keeper.onChange(({ fingerprint }) => {
    told.emit('certificate', fingerprint);
  });
  const harness = await startHarness({ ...options, certificate: keeper }).catch((error: unknown) => {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  const handshake = async (more: ConnectionOptions = {}): Promise<TLSSocket> => {
    const socket = connect({
      host: '127.0.0.1',
      port: harness.port,
      servername: 'localhost',
      ca: authority.certPem,
      ...more,
    });
    // Also what ends it later must not end the test.
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return socket;
  };
  return {
    ...harness,
    authority,
    keeper,
    clock,
    problems,
    nextProblem: async () => ((await once(told, 'problem')) as [string | null])[0],
    nextTimer: () => once(told, 'timer'),
    nextCertificate: async () => ((await once(told, 'certificate')) as [string])[0],
    certificateLog,
    files,
    issue,
    install,
    handshake,
    async seen() {
      const socket = await handshake();
      const fingerprint = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
      socket.destroy();
      return fingerprint;
    },
    async dispose() {
      await harness.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Sends bytes over TLS, resolves with what came until the server closed. */
export async function exchange(socket: TLSSocket, text: string): Promise<string> {
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  // Not `once`, which an error would reject: a refusal is an answer, too.
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(text);
  await closed;
  return answer;
}
