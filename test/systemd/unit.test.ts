import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runCommand } from '../../agent/cli/program.ts';
import { findProgram } from '../../agent/doctor/program.ts';
import { systemdUnit, type UnitOptions } from '../../agent/systemd/unit.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';

const base: UnitOptions = {
  command: [process.execPath, '/opt/upkeep/agent.mjs'],
  environment: { MALLOC_MMAP_THRESHOLD_: '32768' },
  scope: 'system',
  user: null,
  configFile: null,
  stateDirectory: null,
  writable: [],
  plain: false,
};

const variants: readonly [name: string, options: UnitOptions][] = [
  ['of the system', base],
  ['of a user', { ...base, scope: 'user' }],
  ['with a user of its own', { ...base, user: 'daemon', writable: ['/srv/app', '/srv/50% off'] }],
  ['without systemd-notify', { ...base, plain: true }],
  ['with folders of its own', { ...base, stateDirectory: '/srv/state folder', configFile: '/etc/up$keep/100%.yaml' }],
];

describe('the systemd unit', () => {
  it('stops the agent alone, so that runs go on, and reloads it by SIGHUP', () => {
    const lines = systemdUnit(base, '1.2.3').split('\n');
    assert.equal(lines[0], '# Made by Upkeep 1.2.3: upkeep systemd unit');
    for (const line of [
      'KillMode=process',
      'Type=notify',
      'NotifyAccess=all',
      'ProtectSystem=strict',
      'StateDirectory=upkeep',
      'OOMPolicy=continue',
      'NoNewPrivileges=yes',
      'Environment=MALLOC_MMAP_THRESHOLD_=32768',
    ]) {
      assert.ok(lines.includes(line), line);
    }
    assert.ok(lines.some((line) => /^ExecReload=.*-HUP \$MAINPID$/.test(line)));
    assert.ok(lines.some((line) => line.startsWith('WatchdogSec=')));
    assert.equal(
      lines.some((line) => /^(PrivateTmp|RuntimeDirectory|MemoryDenyWriteExecute)=/.test(line)),
      false,
    );
  });

  it('writes words that systemd would expand or split as they are', () => {
    const unit = systemdUnit(
      { ...base, stateDirectory: '/srv/state folder', configFile: '/etc/up$keep/100%.yaml' },
      '1',
    );
    assert.match(unit, /ExecStart=.* serve --config \/etc\/up\$\$keep\/100%%\.yaml --state "\/srv\/state folder"$/m);
    assert.doesNotMatch(unit, /^StateDirectory=/m);
  });

  it('is refused for what is no user, scope or folder', async () => {
    for (const args of [
      ['--user', 'a b'],
      ['--user', '-x'],
      ['--scope', 'all'],
      ['--writable', 'relative'],
      ['--writable', '/a\nExecStart=/bin/sh'],
    ]) {
      let stdout = '';
      const io = {
        stdout: { write: (text: string) => (stdout += text) },
        stderr: { write: () => true },
        env: {},
        secrets: new Secrets(),
        exitCode: 0,
      };
      assert.equal(await runCommand(['systemd', 'unit', ...args], io), 2, args.join(' '));
      assert.equal(stdout, '');
    }
  });

  if (findProgram('systemd-analyze', process.env) !== null) {
    for (const [name, options] of variants) {
      it(`${name} is found right by systemd-analyze verify`, async () => {
        const folder = mkdtempSync(join(tmpdir(), 'upkeep-unit-'));
        try {
          const file = join(folder, 'upkeep.service');
          writeFileSync(file, systemdUnit(options, '1.2.3'));
          const scope = options.scope === 'user' ? ['--user'] : [];
          const env = { ...process.env, XDG_RUNTIME_DIR: folder };
          const { stderr } = await promisify(execFile)('systemd-analyze', [...scope, '--man=no', 'verify', file], {
            env,
          });
          assert.doesNotMatch(stderr, /upkeep\.service/);
        } finally {
          rmSync(folder, { recursive: true });
        }
      });
    }
  }
});
