import assert from 'node:assert/strict';
import { Command } from 'commander';
import type { Io } from '../../agent/cli/io.ts';
import { commandGroups, createProgram, runCommand } from '../../agent/cli/program.ts';
import { procedures } from '../../agent/procedures/index.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';

interface Written extends Io {
  readonly out: string[];
  readonly err: string[];
}

function written(): Written {
  const out: string[] = [];
  const err: string[] = [];
  return {
    out,
    err,
    stdout: { write: (text) => out.push(String(text)) },
    stderr: { write: (text) => err.push(String(text)) },
    env: {},
    secrets: new Secrets(),
    exitCode: 0,
  };
}

describe('command line', () => {
  it('names for each group exactly the commands that its file registers', async () => {
    for (const { commands, register } of commandGroups) {
      const program = new Command();
      await register(program, written());
      assert.deepEqual(
        program.commands.map((command) => command.name()),
        commands,
      );
    }
  });

  it('has no name twice, among commands and procedures', () => {
    const names = [...commandGroups.flatMap(({ commands }) => commands), ...procedures.keys()];
    assert.deepEqual(names, [...new Set(names)]);
  });

  it('lists every command and procedure with --help', async () => {
    const io = written();
    assert.equal(await runCommand(['--help'], io), 0);
    const listed = new Set(Array.from(io.out.join('').matchAll(/^ {2}([a-z-]+)/gm), ([, name]) => name));
    for (const { commands } of commandGroups) for (const name of commands) assert.ok(listed.has(name), name);
    for (const { name } of procedures.values()) assert.ok(listed.has(name), name);
  });

  it('loads the called command or procedure alone, also by an alias', async () => {
    for (const [called, name] of [
      ['serve', 'serve'],
      ['health-check', 'health-check'],
      ['system-health-check', 'health-check'],
    ] as const) {
      const program = await createProgram(called, written());
      assert.deepEqual(
        program.commands.map((command) => command.name()),
        [name],
      );
    }
  });

  it('says of an unknown command which one may have been meant', async () => {
    const io = written();
    assert.equal(await runCommand(['statsu'], io), 2);
    assert.match(io.err.join(''), /unknown command 'statsu'.*\(Did you mean status\?\)/s);
  });

  it('names an option that is needed and not given', async () => {
    const io = written();
    assert.equal(await runCommand(['verify-certificate'], io), 2);
    assert.match(io.err.join(''), /verify-certificate: --cert is needed\. See "upkeep verify-certificate --help"/);
  });
});
