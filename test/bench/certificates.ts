/** BENCHMARKS section 6: a folder of certificates with their chains and keys, and endpoints with verification, beside openssl(1) and bare Node. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import * as z from 'zod';
import { checkCertificates } from '../../agent/procedures/certificates/checkCertificates.ts';
import { concurrently } from '../../agent/procedures/certificates/concurrently.ts';
import { certificate, type Certificate } from '../../agent/protocol/nouns.ts';
import { createAuthority, issue } from '../procedures/certificates/authority.ts';
import { daysFromNow, perform } from '../procedures/certificates/harness.ts';
import { median, type Figure } from './figure.ts';

const files = 1000;
const endpoints = 200;
const atOnce = 50;
const rounds = 5;
/** openssl takes so long for one file that a part stands for all. */
const looped = 200;

export async function certificates(): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'upkeep-bench-certificates-'));
  try {
    const ca = await fill(folder);
    return [...(await measureFiles(folder, ca)), ...(await measureEndpoints(folder, ca))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Chains of two with their keys beside them; every tenth key belongs to another certificate, every tenth is weak. */
async function fill(folder: string): Promise<string> {
  const root = await createAuthority({ name: 'Bench Root' });
  const intermediate = await createAuthority({ name: 'Bench Intermediate', issuer: root });
  const place = join(folder, 'files');
  mkdirSync(place);
  for (let index = 0; index < files; index += 1) {
    const { chainPem, keyPem } = await issue(intermediate, {
      names: [`host${index}.example.test`, `www${index}.example.test`, '127.0.0.1'],
      notBefore: daysFromNow(-200),
      notAfter: daysFromNow(1 + (index % 400)),
      keyType: index % 10 === 3 ? 'rsa1024' : 'ec',
    });
    const file = join(place, `cert${index}`);
    writeFileSync(`${file}.pem`, chainPem);
    writeFileSync(`${file}.key`, index % 10 === 7 ? root.keyPem : keyPem, { mode: 0o600 });
  }
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, root.certPem);
  return ca;
}

async function measureFiles(folder: string, ca: string): Promise<readonly Figure[]> {
  const place = join(folder, 'files');
  const [ours, floor, held]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < rounds; round += 1) {
    floor.push(
      await milliseconds(() => {
        parseAll(place);
      }),
    );
    const found = await measured(() => check({ path: [place], ca }));
    ours.push(found.milliseconds);
    held.push(found.held);
    const mismatches = found.result.filter(({ key }) => key === 'mismatch').length;
    if (found.result.length !== files || mismatches !== files / 10)
      throw new Error(`${mismatches} of ${found.result.length}`);
  }
  const names = readdirSync(place)
    .filter((name) => name.endsWith('.pem'))
    .slice(0, looped);
  const loop = await milliseconds(() => {
    for (const name of names) execFileSync('openssl', ['x509', '-enddate', '-noout', '-in', join(place, name)]);
  });
  const whole = await milliseconds(() => {
    execFileSync(process.execPath, [agent, 'check-certificates', '--path', place, '--ca', ca, '--json'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 1 << 26,
    });
  });
  const all = (loop * files) / looped;
  const own = median(ours);
  return [
    {
      name: '1,000 files with chain and key, in the process (floor: Node that parses them)',
      unit: 'ms',
      ours: own,
      floor: median(floor),
      goal: { atMost: 200 },
    },
    {
      name: `the same beside an openssl x509 loop (of ${looped}, scaled)`,
      unit: '× openssl',
      ours: own / all,
      floor: 1,
      goal: { atMost: 0.007 },
    },
    { name: 'the same as a whole command (floor: the openssl loop)', unit: 'ms', ours: whole, floor: all, goal: null },
    {
      name: 'event loop held meanwhile, at most',
      unit: 'ms',
      ours: Math.max(...held),
      floor: null,
      goal: { atMost: 50 },
    },
  ];
}

async function measureEndpoints(folder: string, ca: string): Promise<readonly Figure[]> {
  const { server, ports } = await serve(folder);
  try {
    const domain = ports.map((port) => `127.0.0.1:${port}`);
    const trusted = readFileSync(ca, 'utf8');
    const [ours, floor, held]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round < rounds; round += 1) {
      floor.push(await milliseconds(() => concurrently(ports, atOnce, (port) => handshake(port, trusted))));
      const found = await measured(() => check({ domain, ca }));
      ours.push(found.milliseconds);
      held.push(found.held);
      const bad = found.result.filter(
        ({ reasons, status }) => status === 'unreadable' || reasons.some((one) => one !== 'weak_key'),
      );
      if (found.result.length !== endpoints || bad.length > 0)
        throw new Error(`${bad.length}: ${bad[0]?.message ?? ''}`);
    }
    const client = 'openssl s_client -connect 127.0.0.1:$0 </dev/null 2>/dev/null | openssl x509 -noout -enddate';
    const openssl = await milliseconds(() => {
      execFileSync('xargs', ['-P8', '-n1', 'sh', '-c', client], {
        input: ports.join('\n'),
        stdio: ['pipe', 'ignore', 'ignore'],
      });
    });
    const own = median(ours);
    return [
      {
        name: '200 endpoints, 50 at once, verified (floor: tls.connect, verified)',
        unit: 'ms',
        ours: own,
        floor: median(floor),
        goal: { atMost: 500 },
      },
      {
        name: 'the same beside openssl s_client, 8 at once',
        unit: '× openssl',
        ours: own / openssl,
        floor: 1,
        goal: { atMost: 0.07 },
      },
      {
        name: 'event loop held meanwhile, at most',
        unit: 'ms',
        ours: Math.max(...held),
        floor: null,
        goal: { atMost: 50 },
      },
    ];
  } finally {
    server.kill();
    await once(server, 'exit');
  }
}

/** The first certificates of the folder on as many ports, by a process of its own. */
async function serve(folder: string): Promise<{ readonly server: ChildProcess; readonly ports: readonly number[] }> {
  const script = join(import.meta.dirname, 'floor', 'tlsServers.mjs');
  const server = spawn(process.execPath, [script, join(folder, 'files'), String(endpoints)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: server.stdout }), 'line')) as [string];
  return { server, ports: z.array(z.int()).length(endpoints).parse(JSON.parse(line)) };
}

const agent = join(import.meta.dirname, '..', '..', 'dist', 'agent.mjs');

async function check(options: Record<string, unknown>): Promise<readonly Certificate[]> {
  const { part } = await perform(checkCertificates, options, { timeout: '30s' });
  return z.object({ certificates: z.array(certificate) }).parse(part).certificates;
}

async function measured<Result>(
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly milliseconds: number; readonly held: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const begun = performance.now();
  const result = await work();
  const taken = performance.now() - begun;
  delay.disable();
  return { result, milliseconds: taken, held: delay.max / 1e6 };
}

async function milliseconds(work: () => unknown): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function parseAll(place: string): void {
  for (const name of readdirSync(place)) {
    if (!name.endsWith('.pem')) continue;
    const parsed = new X509Certificate(readFileSync(join(place, name)));
    if (parsed.fingerprint256 === '' || Number.isNaN(Date.parse(parsed.validTo))) throw new Error(name);
  }
}

async function handshake(port: number, ca: string): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, ca });
  await once(socket, 'secureConnect');
  socket.getPeerCertificate();
  socket.destroy();
}
