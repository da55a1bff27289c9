/** A real ACME server (pebble), which looks at the challenges that nginx serves: every name has the address 127.0.0.1 for it. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../../systemPackages.ts';
import { createAuthority, issue } from './authority.ts';
import { valid } from './harness.ts';
import { listening } from './nginx.ts';
import { freePort } from '../../sandbox/ports.ts';

export interface Acme {
  readonly server: string;
  /** PEM file of the authority of the server's own certificate. */
  readonly serverCa: string;
  /** PEM file of the root of the certificates that it issues. */
  readonly root: string;
  /** Lines that are the settings of certbot for it. */
  readonly certbot: Readonly<Record<string, string>>;
  /** Folder of certbot. */
  readonly config: string;
  /** What this file holds is the TXT record of every name. */
  readonly txt: string;
  readonly stop: () => Promise<void>;
}

/** `httpPort`: where it looks for challenges. What it issues lives for `days`. */
export async function startAcme(httpPort: number, days: number): Promise<Acme> {
  const program = findProgram('pebble');
  if (program === null) throw new Error('pebble is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'upkeep-acme-'));
  const [serverCa, cert, key, root] = ['ca', 'cert', 'key', 'root'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  const authority = await createAuthority({ name: 'Test Authority of the ACME Server' });
  const own = await issue(authority, { names: ['127.0.0.1', 'localhost'], ...valid });
  writeFileSync(serverCa, authority.certPem);
  writeFileSync(cert, own.chainPem);
  writeFileSync(key, own.keyPem, { mode: 0o600 });
  const [port, managementPort] = [await freePort(), await freePort()];
  const configuration = join(folder, 'pebble.json');
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate: cert,
    privateKey: key,
    httpPort,
    tlsPort: await freePort(),
    certificateValidityPeriod: days * 86_400,
  };
  writeFileSync(configuration, JSON.stringify({ pebble }));
  const txt = join(folder, 'txt');
  const names = await startNames(txt);
  const child = spawn(program, ['-config', configuration, '-dnsserver', names.address], {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'], PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '0' },
  });
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill();
    await exited;
    names.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await listening(port, child);
    await listening(managementPort, child);
    writeFileSync(root, await getText(`https://127.0.0.1:${managementPort}/roots/0`, authority.certPem));
  } catch (error) {
    await stop();
    throw error;
  }
  const config = join(folder, 'config');
  mkdirSync(config);
  const server = `https://127.0.0.1:${port}/dir`;
  return {
    server,
    serverCa,
    root,
    config,
    txt,
    certbot: {
      server,
      server_ca: serverCa,
      config_dir: config,
      work_dir: join(folder, 'work'),
      logs_dir: join(folder, 'logs'),
    },
    stop,
  };
}

/** Answers every question for an address with 127.0.0.1, for a text with the file `txt`, and all others with nothing (RFC 1035, 4.1). */
async function startNames(txt: string): Promise<{ readonly address: string; readonly close: () => void }> {
  const socket = createSocket('udp4');
  socket.on('message', (question, from) => {
    const end = question.indexOf(0, 12) + 5;
    const answer = answerTo(question.readUInt16BE(end - 4), txt);
    const header = Buffer.from(question.subarray(0, 12));
    header.writeUInt16BE(0x8180, 2);
    header.writeUInt16BE(answer === null ? 0 : 1, 6);
    header.writeUInt32BE(0, 8);
    const parts = [header, question.subarray(12, end), ...(answer === null ? [] : [answer])];
    socket.send(Buffer.concat(parts), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { address: `127.0.0.1:${socket.address().port}`, close: () => socket.close() };
}

function answerTo(type: number, txt: string): Buffer | null {
  const record = (data: Buffer): Buffer =>
    Buffer.concat([Buffer.from([0xc0, 0x0c, 0, type, 0, 1, 0, 0, 0, 1, 0, data.length]), data]);
  if (type === 1) return record(Buffer.from([127, 0, 0, 1]));
  if (type !== 16 || !existsSync(txt)) return null;
  const text = readFileSync(txt);
  return record(Buffer.concat([Buffer.from([text.length]), text]));
}

export async function getText(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { ca, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        resolve(Buffer.concat(parts).toString());
      });
    })
      .on('error', reject)
      .end();
  });
}
