import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import * as z from 'zod';
import { registerConfig } from '../../agent/cli/config.ts';
import { sectionNames } from '../../agent/config/sections.ts';
import { diagnostic } from '../../agent/protocol/nouns.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';
import { messageOf } from '../../agent/thrown.ts';
import { maintenance, procedures, seedText, withFolder } from '../config/harness.ts';

interface Said {
  readonly out: string;
  readonly code: number;
  readonly error: string;
}

async function check(...args: string[]): Promise<Said> {
  return checkWith({}, ...args);
}

async function checkWith(env: Record<string, string>, ...args: string[]): Promise<Said> {
  let out = '';
  const io = {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: () => undefined },
    env,
    secrets: new Secrets(),
    exitCode: 0,
  };
  const program = new Command('upkeep').exitOverride();
  registerConfig(program, io, procedures);
  try {
    await program.parseAsync(['config', 'check', ...args], { from: 'user' });
    return { out, code: io.exitCode, error: '' };
  } catch (error) {
    const code = error instanceof Error && 'exitCode' in error ? Number(error.exitCode) : -1;
    return { out, code, error: messageOf(error) };
  }
}

describe('upkeep config check', () => {
  it('takes the file of this host when none is named: findings say “upkeep config check”', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'maintenance.yaml');
      await writeFile(file, maintenance('certificates: { endpoints: ["gopher://a"] }'));
      const { error, code } = await checkWith({ UPKEEP_CONFIG: file });
      assert.equal(code, 2);
      assert.match(error, new RegExp(`^${file} has 1 error; `));
    });
    const { error, code } = await check();
    // Whether this host has one is its own business.
    assert.doesNotMatch(`${code} ${error}`, /missing required argument/);
  });

  it('is content with the example of the seed, and gives its warnings with file, line and column', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'maintenance.yaml');
      await writeFile(file, seedText);
      const { out, code } = await check(file);
      assert.equal(code, 0);
      assert.match(out, new RegExp(`^${file}:21:20: warning the variable \`SLACK_WEBHOOK\` is not set`));
      assert.match(out, /2 warnings; 3 tasks can run\n$/);
      assert.equal((await check(file, '--strict')).code, 3);
    });
  });

  it('ends with 2 and one JSON document that names what is refused', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'maintenance.yaml');
      await writeFile(
        file,
        maintenance('automated_tasks:', '  - {name: a, script: none.sh}', '  - {name: b, procedure: rotate-logs}'),
      );
      const { out, code, error } = await check(file, '--json');
      assert.equal(code, 2);
      assert.equal(error, `${file} has 1 error; refused: a.`);
      const message = `missing script: there is no file ${join(folder, 'none.sh')} and no built-in procedure \`none\`; create it, or set \`scripts.directory\``;
      assert.deepEqual(JSON.parse(out), {
        ok: false,
        tasks: 2,
        refused: ['a'],
        diagnostics: [{ line: 3, column: 25, severity: 'error', code: 'missing-script', task: 'a', message }],
      });
    });
  });

  const text = 'maintenance:\n  timezone: Mars/Phobos\n';
  const little = (words: string): Buffer => Buffer.from(words, 'utf16le');
  const big = (words: string): Buffer => little(words).swap16();
  const clear = (key: string, value: string): string =>
    maintenance('automated_tasks:', `  - {env: {${key}: ${JSON.stringify(value)}}}`);
  /** What each file is, and the places of its diagnostics (`…`: others may follow). */
  const judged: Readonly<Record<string, readonly [content: string | Buffer, ...places: string[]]>> = {
    'UTF-8 with a mark': [`\ufeff${text}`, '2:13 error invalid-timezone'],
    'UTF-16LE with a mark': [little(`\ufeff${text}`), '1:1 warning encoding', '2:13 error invalid-timezone'],
    'UTF-16BE with a mark': [big(`\ufeff${text}`), '1:1 warning encoding', '2:13 error invalid-timezone'],
    'UTF-16LE without a mark': [little(text), '1:1 warning encoding', '2:13 error invalid-timezone'],
    'UTF-16BE without a mark': [big(text), '1:1 warning encoding', '2:13 error invalid-timezone'],
    'UTF-16LE cut in a character': [little(`\ufeff${text}`).subarray(0, -1), '2:24 error encoding'],
    'UTF-16BE with half a surrogate pair': [big('\ufeffa: \ud800b'), '1:4 error encoding'],
    'UTF-32LE with a mark': [Buffer.from('fffe00006d000000', 'hex'), '1:1 error encoding'],
    'UTF-32BE without a mark': [Buffer.from('0000006d00000061', 'hex'), '1:1 error encoding'],
    'Latin 1': [Buffer.from('maintenance:\n  timezone: "\u00e9"\n', 'latin1'), '2:14 error encoding'],
    'NUL in the text': [maintenance('timezone: "a\0"'), '2:15 error control-character'],
    'NUL by an escape': [maintenance('timezone: "a\\0b"'), '2:13 error invalid-timezone'],
    'CR LF': [text.replaceAll('\n', '\r\n'), '2:13 error invalid-timezone'],
    'a duplicate key': [
      maintenance('thresholds: {disk_usage_percent: 1, disk_usage_percent: 2}'),
      '2:39 error duplicate-key',
    ],
    'an alias': [
      maintenance('thresholds: &a {disk_usage_percent: 500}', 'health: *a'),
      '2:19 error unknown-key',
      '2:39 error invalid-value',
    ],
    'a merge key': [
      maintenance('thresholds: {<<: &a {disk_usage_percent: 5}, cpu_usage_percent: 101}'),
      '2:67 error invalid-value',
    ],
    'a merge key of text': [maintenance('thresholds: {<<: 5}'), '2:16 error merge'],
    'nesting in blocks': [
      Array.from({ length: 5000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
      '1:1 error too-large',
    ],
    'nesting in brackets': [`maintenance: ${'['.repeat(100_000)}`, '1:64 error too-deep'],
    'a password in a URL': [
      maintenance('databases: [{name: a, url: "postgres://u:sup3rsecret@h/d"}]'),
      '2:30 warning secret-in-clear',
    ],
    'a password for certificates': [
      maintenance('certificates: {password: "letmein12345"}'),
      '2:28 warning secret-in-clear',
    ],
    'a webhook': [
      maintenance('notifications: {webhook: "https://hooks.slack.com/services/T0/B0/XXXXXXXX"}'),
      '2:28 warning secret-in-clear',
    ],
  };
  for (const [what, [content, ...places]] of Object.entries(judged)) {
    it(`judges ${what} with line and column`, async () => {
      await withFolder(async (folder) => {
        const file = join(folder, 'maintenance.yaml');
        await writeFile(file, content);
        const { out, code } = await check(file, '--json');
        const { diagnostics } = z.object({ diagnostics: z.array(diagnostic) }).parse(JSON.parse(out));
        assert.deepEqual(
          diagnostics.map(({ line, column, severity, code: kind }) => `${line}:${column} ${severity} ${kind}`),
          places,
        );
        assert.equal(code, places.some((place) => place.includes('error')) ? 2 : 0);
      });
    });
  }

  it('judges a wrong type in every section, each with its place', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'maintenance.yaml');
      const wrongs: readonly (readonly [value: string, takenBy: readonly string[]])[] = [
        ['7', ['host_name']],
        ['true', ['host_name']],
        ['text', ['host_name']],
        ['[[1]]', []],
        ['{no_such_key: 1}', []],
      ];
      const names = ['automated_tasks', ...sectionNames];
      for (const [wrong, takenBy] of wrongs) {
        await writeFile(file, maintenance(...names.map((name) => `${name}: ${wrong}`)));
        const { out, code } = await check(file, '--json');
        const { diagnostics } = z.object({ diagnostics: z.array(diagnostic) }).parse(JSON.parse(out));
        const lines = diagnostics.filter(({ severity, column }) => severity === 'error' && column > 4);
        const judgedNames = new Set(lines.map(({ line }) => names[line - 2]));
        assert.deepEqual(
          names.filter((name) => !judgedNames.has(name)),
          takenBy,
          wrong,
        );
        assert.equal(code, 2);
      }
    });
  });

  const secrets: Readonly<Record<string, string>> = {
    API_TOKEN: 'abcdefghijk',
    PGPASSWORD: 'abcdefghijk',
    SMTP_PASS: 'abcdefghijk',
    passphrase: 'abcdefghijk',
    AWS_SECRET_ACCESS_KEY: 'abcdefghijk',
    GITHUB: `ghp_${'a1'.repeat(18)}`,
    GITHUB_FINE: `github_pat_${'a1'.repeat(20)}`,
    NPM: `npm_${'a1'.repeat(18)}`,
    STRIPE: `sk_live_${'a1'.repeat(12)}`,
    GOOGLE: `AIza${'a1'.repeat(17)}b`,
    AWS: `AKIA${'A1'.repeat(8)}`,
    JWT: `eyJ${'a1'.repeat(9)}.eyJ${'b2'.repeat(9)}.${'c3'.repeat(20)}`,
    OURS: `upkeep_0123abcd_${'a'.repeat(43)}`,
    PEM: '-----BEGIN RSA PRIVATE KEY-----',
    PROXY: 'http://user:abcdefghijk@proxy:3128',
  };
  for (const [key, value] of Object.entries(secrets)) {
    it(`warns of a secret in clear in ${key}, and does not repeat it`, async () => {
      await withFolder(async (folder) => {
        const file = join(folder, 'maintenance.yaml');
        await writeFile(file, clear(key, value));
        const { out } = await check(file, '--json');
        const { diagnostics } = z.object({ diagnostics: z.array(diagnostic) }).parse(JSON.parse(out));
        const [warning] = diagnostics.filter(({ code }) => code === 'secret-in-clear');
        assert.deepEqual([warning?.line, warning?.column], [3, 16 + key.length]);
        assert.equal(out.includes(value), false);
        await writeFile(file, clear(key, '${NAME}'));
        assert.doesNotMatch((await check(file, '--json')).out, /secret-in-clear/);
      });
    });
  }

  it('ends with 2 for a file that is not there, and says which', async () => {
    const { out, code } = await check('/nonexistent-upkeep/maintenance.yaml');
    assert.equal(code, 2);
    assert.match(out, /there is no file \/nonexistent-upkeep\/maintenance\.yaml/);
  });
});
