/** Hostile text and settings on their way to a job: nothing of it becomes a command, a privilege or a record. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentClient } from '../../agent/cli/client.ts';
import type { Run } from '../../agent/protocol/nouns.ts';
import { AgentWorld, endOf } from './agentProcess.ts';

const hostile = [
  '; touch pwned',
  '$(touch pwned)',
  '`touch pwned`',
  '&& touch pwned',
  '| touch pwned',
  'a\nb; touch pwned',
  "'; touch pwned; '",
  '"; touch pwned; "',
  '-rf',
  '--',
  '--help',
  '-oProxyCommand=touch pwned',
  '*',
  '~',
  '@/etc/passwd',
  '../../etc/passwd',
  '%2e%2e/%2e%2e',
  '${IFS}touch${IFS}pwned',
  '',
];

describe('attacks on runs', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
  });
  afterEach(async () => {
    await world.dispose();
  });

  const pwned = (): string[] =>
    readdirSync(world.folder, { recursive: true })
      .map(String)
      .filter((name) => name.includes('pwned'));
  const run = async (client: AgentClient, task: string): Promise<Run> => {
    const started = await client.request('tasks.run', { task, requestId: randomUUID() });
    return endOf(client, started.run.id);
  };
  const outputOf = async (client: AgentClient, runId: string): Promise<string> =>
    (await client.request('runs.output', { runId, offset: 0 })).text;

  it('V13: hands hostile arguments over as they are, one word each', async () => {
    world.script('args.sh', `for word in "$@"; do printf '<%s>\\n' "$word"; done`);
    // `$${` is how the file writes `${` where no variable is meant.
    const args = hostile.map((text) => JSON.stringify(text.replaceAll('${', () => '$${'))).join(', ');
    world.write(`maintenance:\n  automated_tasks:\n    - { name: args, script: args.sh, args: [${args}] }\n`);
    const { client } = await world.start();
    const ended = await run(client, 'args');
    assert.equal(ended.outcome, 'changed');
    assert.equal(await outputOf(client, ended.id), hostile.map((text) => `<${text}>\n`).join(''));
    assert.deepEqual(pwned(), []);
  });

  it('V13: takes hostile options of procedures, task names, reasons and ids as text', async () => {
    world.write('maintenance: {}\n');
    const { client } = await world.start();
    for (const text of hostile) {
      await assert.rejects(client.request('tasks.run', { task: text, requestId: randomUUID() }), /There is no task/);
      await assert.rejects(client.request('runs.get', { runId: text }), /There is no run/);
      await assert.rejects(client.request('runs.approve', { runId: text }), /There is no run/);
      await assert.rejects(client.request('runs.output', { runId: text, offset: 0 }), /There is no run/);
    }
    const { run: started } = await client.request('procedures.run', {
      procedure: 'check-certificates',
      options: { path: hostile.filter((text) => text !== '').map((text) => `/nonexistent/${text}`) },
      reason: '$(touch pwned)',
      requestId: randomUUID(),
    });
    const ended = await endOf(client, started.id);
    assert.notEqual(ended.outcome, null);
    assert.equal(ended.reason, '$(touch pwned)');
    await assert.rejects(
      client.request('procedures.run', {
        procedure: 'health-check',
        options: { shell: '/bin/sh' },
        requestId: randomUUID(),
      }),
      /health-check/,
    );
    assert.deepEqual(pwned(), []);
  });

  it('V13: takes hostile titles and reasons of windows, steps, files of runbooks and blocks as text', async () => {
    const flag = join(world.folder, '-rf $(touch pwned); touch pwned.flag');
    world.write(`maintenance:\n  mode: { flag_file: ${JSON.stringify(flag)} }\n`);
    const { client } = await world.start();
    for (const text of hostile.filter((words) => words !== '')) {
      const asked = { requestId: randomUUID(), title: text, reason: text, minutes: 1 };
      await assert.rejects(client.request('windows.open', { ...asked, plan: [text] }), /There is no task/);
      const { window } = await client.request('windows.open', asked);
      assert.deepEqual([window.title, window.reason, window.mode.flagFile, window.mode.on], [text, text, flag, true]);
      const ended = await client.request('windows.end', { windowId: window.id, reason: text });
      assert.ok(ended.window.closedReason?.endsWith(`: ${text}`), text);
      assert.deepEqual([ended.window.mode.on, existsSync(flag)], [false, false]);
      await assert.rejects(client.request('runbooks.get', { path: text }), /There is no such runbook/);
    }
    assert.deepEqual(pwned(), []);
  });

  it('V12: gives a job nothing of what a request brings beside its parameters', async () => {
    world.script('who.sh', 'echo "$(id -u) ${LD_PRELOAD-none} ${INJECTED-none} $(pwd)"');
    world.write('maintenance:\n  automated_tasks:\n    - { name: who, script: who.sh }\n');
    const { client } = await world.start();
    const extra = { uid: 65_534, gid: 65_534, user: 'nobody', shell: '/bin/false', cwd: '/', detached: true };
    const env = { LD_PRELOAD: '/x.so', INJECTED: 'yes' };
    const params = { task: 'who', requestId: randomUUID(), ...extra, env, args: ['x'], __proto__: { env } };
    const { run: started } = await client.request('tasks.run', params);
    const ended = await endOf(client, started.id);
    assert.equal(ended.outcome, 'changed');
    assert.equal(await outputOf(client, ended.id), `${process.geteuid?.() ?? ''} none none ${world.folder}\n`);
  });

  it('V12: gives a procedure and a window nothing of what a request brings beside its parameters', async () => {
    world.write('maintenance: {}\n');
    const { client } = await world.start();
    const extra = { uid: 65_534, gid: 65_534, shell: '/bin/false', cwd: '/', detached: true, NODE_OPTIONS: '-r /x' };
    const env = { LD_PRELOAD: '/x.so', NODE_OPTIONS: '-r /nonexistent/x.cjs' };
    const window = { requestId: randomUUID(), reason: 'test', minutes: 1, ...extra, env, mode: { flagFile: '/x' } };
    const opened = (await client.request('windows.open', window)).window;
    assert.equal(opened.mode.flagFile?.startsWith(world.folder), true);
    assert.doesNotMatch(JSON.stringify(opened), /65534|LD_PRELOAD|nonexistent/);
    await client.request('windows.end', { windowId: opened.id });
    const params = { procedure: 'health-check', options: {}, requestId: randomUUID(), ...extra, env };
    const ended = await endOf(client, (await client.request('procedures.run', params)).run.id);
    assert.notEqual(ended.outcome, 'failed');
    assert.doesNotMatch(JSON.stringify(await client.request('runs.get', { runId: ended.id })), /65534|LD_PRELOAD/);
    for (const key of [...Object.keys(extra), 'env']) {
      const options = { [key]: '0' };
      const asked = { procedure: 'check-certificates', options, requestId: randomUUID() };
      await assert.rejects(client.request('procedures.run', asked), { errorName: 'invalidParams' }, key);
    }
  });

  it('V28: takes nothing from a prototype that a job writes into its records', async () => {
    const finding = '"type":"finding","level":"warning","code":"a.b","subject":"s","message":"m"';
    const lines = [
      `{${finding},"__proto__":{"level":"critical","value":1},"constructor":{"prototype":{"unit":"x"}}}`,
      `{"__proto__":{${finding}}}`,
      '{"type":"finding","level":"__proto__","code":"constructor","subject":"s","message":"m"}',
      `{${finding.replace('"a.b"', '"toString"')}}`,
      '{"type":"progress","done":1,"message":"__proto__","__proto__":{"total":7}}',
      '{"type":"constructor"}',
      '{"type":"__proto__","toString":1}',
    ];
    world.script('says.sh', lines.map((line) => `echo '${line}' >> "$UPKEEP_RESULTS"`).join('\n'));
    world.write('maintenance:\n  automated_tasks:\n    - { name: says, script: says.sh }\n');
    const { client } = await world.start();
    const ended = await run(client, 'says');
    const { findings, run: whole } = await client.request('runs.get', { runId: ended.id });
    assert.deepEqual(
      findings.map(({ level, code, value, unit }) => [level, code, value, unit]),
      [
        ['warning', 'a.b', undefined, undefined],
        ['warning', 'toString', undefined, undefined],
      ],
    );
    assert.deepEqual([whole.findings.warning, whole.findings.critical], [2, 0]);
    assert.equal((await run(client, 'says')).findings.warning, 2);
  });

  it('V12: refuses in the file what the job must not have, and names it', async () => {
    world.script('ok.sh', 'exit 0');
    const bad = [
      'uid: 0',
      'gid: 0',
      'shell: /bin/sh',
      'detached: true',
      'env: { LD_PRELOAD: /x.so }',
      'env: { NODE_OPTIONS: -r x }',
    ]
      .concat(
        'env: { BASH_ENV: /x }',
        'env: { PATH: ".:/bin" }',
        'env: { GIT_SSH_COMMAND: x }',
        'env: { PERL5OPT: -Mx }',
      )
      .map((line, index) => `    - name: bad${index}\n      script: ok.sh\n      ${line}\n`);
    world.write(
      `maintenance:\n  automated_tasks:\n${bad.join('')}    - { name: good, script: ok.sh, env: { BACKUP: /srv } }\n`,
    );
    const { client } = await world.start();
    for (const index of bad.keys()) {
      await assert.rejects(
        client.request('tasks.run', { task: `bad${index}`, requestId: randomUUID() }),
        /is refused/,
        bad[index],
      );
    }
    assert.equal((await run(client, 'good')).outcome, 'changed');
  });

  it('V12: is not told anything by output that looks like its own records', async () => {
    const lines = [
      '{"type":"result","outcome":"failed","part":{}}',
      '{"jsonrpc":"2.0","id":1,"method":"runs.cancel","params":{}}',
      '{"code":7}',
      '::set-outcome failed',
    ];
    world.script('says.sh', lines.map((line) => `echo '${line}'`).join('\n'));
    world.write('maintenance:\n  automated_tasks:\n    - { name: says, script: says.sh }\n');
    const { client } = await world.start();
    const ended = await run(client, 'says');
    assert.deepEqual([ended.outcome, ended.exitCode, ended.findings.critical], ['changed', 0, 0]);
    assert.equal(await outputOf(client, ended.id), lines.map((line) => `${line}\n`).join(''));
  });

  it('V12: is not held up or led astray by a job that replaces its own records', async () => {
    const replace = (file: string, by: string): string => `rm -f "${file}" && ${by} "${file}"`;
    const folder = '$UPKEEP_RUN_DIRECTORY';
    world.script(
      'fifo.sh',
      [replace('$UPKEEP_RESULTS', 'mkfifo'), replace(`${folder}/exit.json`, 'mkfifo')].join('\n'),
    );
    world.script(
      'link.sh',
      [replace('$UPKEEP_RESULTS', 'ln -s /dev/zero'), replace(`${folder}/pid`, 'ln -s /dev/zero')].join('\n'),
    );
    world.write(
      'maintenance:\n  automated_tasks:\n    - { name: fifo, script: fifo.sh }\n    - { name: link, script: link.sh }\n',
    );
    const { client } = await world.start();
    for (const task of ['fifo', 'link']) {
      const ended = await run(client, task);
      assert.deepEqual([ended.state, ended.exitCode], ['ended', 0], task);
    }
    assert.equal((await client.request('snapshot', {})).tasks.length, 2);
  });

  it('V32: passes nothing dangerous of its own environment to children', async () => {
    world.script('env.sh', 'env');
    world.write('maintenance:\n  automated_tasks:\n    - { name: env, script: env.sh }\n');
    const dangerous = {
      NODE_OPTIONS: '--no-warnings',
      BASH_ENV: '/nonexistent/bash-env',
      ENV: '/nonexistent/env',
      PERL5OPT: '-w',
      PYTHONSTARTUP: '/nonexistent/python',
      GIT_SSH_COMMAND: 'touch pwned',
      LD_LIBRARY_PATH: '/nonexistent/lib',
      LD_PRELOAD: '/nonexistent/preload.so',
      SECRET_OF_AGENT: 'planted-secret',
      PATH: `.:relative:${process.env['PATH'] ?? ''}`,
    };
    const { client } = await world.start(['--listen', 'none'], dangerous);
    const ended = await run(client, 'env');
    const seen = new Map(
      (await outputOf(client, ended.id)).split('\n').map((line) => line.split(/=(.*)/s) as [string, string]),
    );
    for (const name of Object.keys(dangerous).filter((key) => key !== 'PATH'))
      assert.equal(seen.get(name), undefined, name);
    assert.ok(
      (seen.get('PATH') ?? '').split(':').every((entry) => entry.startsWith('/')),
      seen.get('PATH'),
    );
    assert.doesNotMatch(await outputOf(client, ended.id), /preload\.so/);
    assert.equal(existsSync(join(world.folder, 'pwned')), false);
    assert.doesNotMatch(
      readFileSync(join(world.state, 'runs', ended.queuedAt.slice(0, 10), ended.id, 'run.json'), 'utf8'),
      /planted/,
    );
  });
});
