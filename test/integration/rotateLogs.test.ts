/** `upkeep rotate-logs` as people and scripts call it: exit codes, JSON document, dry run. With UPKEEP_AGENT=dist/agent.mjs the bundle. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { part } from '../../agent/procedures/logs/rotateLogsWork.ts';
import { finding } from '../../agent/protocol/nouns.ts';
import { entry } from './agentProcess.ts';

const document = z.strictObject({
  procedure: z.literal('rotate-logs'),
  outcome: z.enum(['changed', 'unchanged', 'warning', 'failed']),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  findings: z.array(finding),
  ...part.shape,
});

const other = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'] as const;
const canBeOther =
  spawnSync(other[0], [...other.slice(1), process.execPath, entry, '--version'], { stdio: 'ignore' }).status === 0;

describe('upkeep rotate-logs', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'upkeep-rotate-cli-'));
    mkdirSync(join(root, 'logs'));
    writeFileSync(join(root, 'logs', 'a.log'), 'one\n');
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  const names = () => readdirSync(join(root, 'logs')).sort();

  function run(rotation: object, ...args: string[]) {
    const config = join(root, 'maintenance.yaml');
    writeFileSync(
      config,
      JSON.stringify({ maintenance: { logs: { rotate: [{ paths: ['logs/*.log'], ...rotation }] } } }),
    );
    return upkeep('rotate-logs', '--config', config, ...args);
  }

  function upkeep(...args: string[]) {
    return spawnSync(process.execPath, [entry, ...args], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: root, UPKEEP_STATE: join(root, 'state') },
    });
  }

  if (canBeOther) {
    it('says which state file is closed to this user and who may do it, and no word of the configuration', () => {
      for (const file of [root, join(root, 'logs'), join(root, 'logs', 'a.log')]) chownSync(file, 65_534, 65_534);
      mkdirSync(join(root, 'closed'));
      const status = join(root, 'closed', 'status');
      const config = join(root, 'maintenance.yaml');
      const logs = { rotate: [{ paths: ['logs/*.log'] }], state: status };
      writeFileSync(config, JSON.stringify({ maintenance: { logs } }));
      const [program, ...words] = other;
      const rotate = (...args: readonly string[]) =>
        spawnSync(program, [...words, process.execPath, entry, 'rotate-logs', '--config', config, '--json', ...args], {
          encoding: 'utf8',
          env: { PATH: process.env['PATH'], HOME: root, UPKEEP_STATE: join(root, 'state') },
        });
      const told = ({ stdout }: { readonly stdout: string }): unknown =>
        document.parse(JSON.parse(stdout)).findings.map(({ code, subject, message }) => [code, subject, message]);
      const why = (what: string): string =>
        `The user nobody may not ${what} (EACCES), and logrotate keeps in ${status} when each log was rotated; no log was rotated. Run this as root, or name a file in a folder of this user in \`logs.state\`.`;
      assert.deepEqual(told(rotate('--force')), [['logs.access', status, why(`write to ${join(root, 'closed')}`)]]);
      writeFileSync(status, 'logrotate state -- version 2\n', { mode: 0o600 });
      for (const args of [['--force'], ['--dry-run']])
        assert.deepEqual(told(rotate(...args)), [['logs.access', status, why(`read ${status}`)]]);
      assert.deepEqual(names(), ['a.log']);
      chownSync(join(root, 'closed'), 65_534, 65_534);
      chownSync(status, 65_534, 65_534);
      assert.equal(rotate('--force').status, 0);
      assert.deepEqual(names(), ['a.log', 'a.log.1']);
    });
  }

  it('ends with 0 when logs were rotated or are not due, and says what became of each', () => {
    const young = run({});
    assert.equal(young.status, 0, young.stderr);
    assert.match(young.stdout, /a\.log is not due/);
    const rotated = run({}, '--force');
    assert.equal(rotated.status, 0, rotated.stderr);
    assert.match(rotated.stdout, /a\.log \(4 bytes\) was rotated to .*a\.log\.1\.\nchanged after/);
    assert.doesNotMatch(rotated.stdout, /does not exist|Allocating/, 'no noise of logrotate');
    assert.deepEqual(names(), ['a.log', 'a.log.1']);
  });

  it('ends with 1 when a script failed and when nothing of the configuration can be used', () => {
    const script = run({ postrotate: 'exit 7' }, '--force');
    assert.equal(script.status, 1);
    assert.match(script.stdout, /CRITICAL .*postrotate script.*run the script by hand/);
    const unusable = run({ frequency: 'daily', paths: 3 }, '--force');
    assert.equal(unusable.status, 1, unusable.stdout);
    assert.match(
      unusable.stdout,
      /There is a mistake in logs\.rotate\[0\] of maintenance\.yaml, and so nothing was done/,
    );
  });

  it('ends with 2 when it is called wrongly', () => {
    assert.equal(run({}, '--forse').status, 2);
    assert.equal(upkeep('rotate-logs', '--config', join(root, 'nowhere.yaml')).status, 2);
  });

  it('ends with 3 by --strict when there are warnings, and with 0 without it', () => {
    const twice = { dateext: true, delaycompress: false };
    const state = join(root, 'own.state');
    writeFileSync(state, 'logrotate state -- version 2\n', { mode: 0o644 });
    const config = join(root, 'maintenance.yaml');
    const logs = { state, rotate: [{ paths: ['logs/*.log'], ...twice }] };
    writeFileSync(config, JSON.stringify({ maintenance: { logs } }));
    const strict = upkeep('rotate-logs', '--config', config, '--strict');
    assert.equal(strict.status, 3, strict.stdout + strict.stderr);
    assert.match(strict.stdout, /WARNING .*chmod 640/);
    writeFileSync(state, 'logrotate state -- version 2\n', { mode: 0o644 });
    assert.equal(upkeep('rotate-logs', '--config', config).status, 0);
  });

  it('gives one JSON document by --json that is as declared, with all else on standard error', () => {
    const { stdout, stderr, status } = run({}, '--force', '--json');
    assert.equal(status, 0, stderr);
    const { files, findings, outcome } = document.parse(JSON.parse(stdout));
    assert.equal(outcome, 'changed');
    assert.deepEqual(
      files.map(({ action, rotatedTo, heldBy }) => ({ action, rotatedTo, heldBy })),
      [{ action: 'rotated', rotatedTo: join(root, 'logs', 'a.log.1'), heldBy: [] }],
    );
    assert.deepEqual(
      findings.map(({ code, level }) => [code, level]),
      [['logs.rotation', 'ok']],
    );
    assert.match(stderr, /renaming /);
    writeFileSync(join(root, 'logs', 'a.log'), 'two\n');
    const failed = run({ postrotate: 'exit 7' }, '--force', '--json');
    assert.equal(failed.status, 1);
    assert.equal(document.parse(JSON.parse(failed.stdout)).outcome, 'failed');
  });

  it('changes nothing by --dry-run, and says what it would do', () => {
    const { stdout, status } = run({ olddir: 'old', createolddir: '0750' }, '--force', '--dry-run');
    assert.equal(status, 0, stdout);
    assert.match(stdout, /a\.log \(4 bytes\) would be rotated to .*old\/a\.log\.1/);
    assert.deepEqual(names(), ['a.log']);
    assert.equal(readFileSync(join(root, 'logs', 'a.log'), 'utf8'), 'one\n');
    assert.ok(!readdirSync(join(root, 'state', 'memory', 'rotate-logs')).includes('logrotate.state'));
  });
});
