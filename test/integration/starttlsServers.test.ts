/**
 * check-certificates against the servers that people run, where this machine has them: `npm test` installs none, since a mail
 * server takes the place of the one that is there. Their dialogues, as recorded, are in starttls.test.ts.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { checkOne } from '../procedures/certificates/harness.ts';
import { listening } from '../procedures/certificates/nginx.ts';
import { freePort } from '../sandbox/ports.ts';
import { Openssl } from '../procedures/certificates/openssl.ts';
import { presentServers } from './starttlsKnown.ts';

const present = presentServers();

if (present.length > 0) {
  describe('check-certificates, real servers with STARTTLS', () => {
    let folder: string;
    let openssl: Openssl;

    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'upkeep-starttls-'));
      // They drop root's rights before they read what is theirs.
      chmodSync(folder, 0o755);
      mkdirSync(join(folder, 'tls'), { mode: 0o755 });
      openssl = new Openssl(join(folder, 'tls'));
      openssl.write(
        'site.pem',
        openssl.leaf('site', { names: 'DNS:localhost' }) + openssl.read('intermediate.crt'),
        0o644,
      );
      chmodSync(openssl.path('site.key'), 0o644);
    });
    after(() => {
      rmSync(folder, { recursive: true, force: true });
    });

    for (const server of present) {
      it(`are seen as they are: ${server.protocol} of ${server.program}`, async () => {
        const port = await freePort();
        const place = join(folder, `${server.protocol}-${basename(server.program)}`);
        mkdirSync(join(place, 'spool'), { recursive: true });
        const config = join(place, 'conf.lua');
        const tls = openssl.path('site');
        writeFileSync(config, [...server.config(place, port, tls), ''].join('\n'));
        server.prepare?.(place, tls);
        const env = { ...process.env, ...server.env?.(place) };
        const child = spawn(server.program, server.args(config, port), { stdio: 'ignore', env });
        try {
          await listening(port, child);
          const domain = [`${server.protocol}://localhost:${port}`];
          const found = await checkOne({ domain, ca: openssl.path('root.crt') });
          assert.deepEqual([found.status, found.names, found.count], ['ok', ['localhost'], 2], found.message);
        } finally {
          await ended(child);
        }
      });
    }
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}
