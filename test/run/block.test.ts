import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { defineProcedure, type AnyProcedure } from '../../agent/procedures/define.ts';
import { blockCommand } from '../../agent/run/block.ts';
import { request, runnerHarness, type RunnerHarness } from './harness.ts';

const probe: AnyProcedure = defineProcedure({
  name: 'check-certificates',
  area: 'certificates',
  title: 'Check Certificates',
  summary: 'Check certificates',
  changes: false,
  settings: [],
  options: z.object({}),
  work: () =>
    Promise.resolve({
      part: z.object({}),
      run: () => Promise.resolve({ outcome: 'unchanged', part: {} }),
    }),
});

describe('runbook block', () => {
  let harness: RunnerHarness;
  beforeEach(() => {
    harness = runnerHarness();
  });
  afterEach(() => {
    harness.dispose();
  });

  async function outputOf(text: string, language = 'bash'): Promise<{ outcome: string | null; output: string }> {
    let output = '';
    const run = await harness.runner.launch(
      request(
        (directory) => {
          output = directory.output;
          const procedures = new Map([[probe.name, probe]]);
          return blockCommand(
            directory,
            { language, text },
            { cwd: harness.folder, procedures, self: ['echo', 'UP KEEP'] },
          );
        },
        { kind: 'block' },
      ),
    );
    const ended = await harness.runner.whenEnded(run.id);
    return { outcome: ended?.outcome ?? null, output: readFileSync(output, 'utf8') };
  }

  it('in a language without a shell of its own runs in sh', async () => {
    assert.deepEqual(await outputOf('echo "$0 ran" | sed "s,.* ,,"', 'console'), {
      outcome: 'changed',
      output: 'ran\n',
    });
  });

  for (const call of [
    './scripts/maintenance/check-certificates.sh --warn-days 3',
    '/usr/local/nowhere/check-certificates.sh --warn-days 3',
    'check-certificates.sh --warn-days 3',
  ]) {
    for (const language of ['bash', 'sh']) {
      it(`runs the procedure for ${call.split(' ')[0]} in ${language} where no such file is`, async () => {
        const { outcome, output } = await outputOf(`echo before\n${call}\necho after\n`, language);
        assert.deepEqual([outcome, output], ['changed', 'before\nUP KEEP check-certificates --warn-days 3\nafter\n']);
      });
    }
  }

  it("runs the host's own script where there is one", async () => {
    mkdirSync(join(harness.folder, 'scripts'));
    writeFileSync(join(harness.folder, 'scripts', 'check-certificates.sh'), '#!/bin/sh\necho mine "$@"\n', {
      mode: 0o755,
    });
    const { output } = await outputOf('./scripts/check-certificates.sh a\n');
    assert.equal(output, 'mine a\n');
  });

  it('stops at the first command that fails', async () => {
    for (const text of ['false\necho on\n', './x/check-certificates.sh\nfalse\necho on\n']) {
      const { outcome, output } = await outputOf(text);
      assert.equal(outcome, 'failed');
      assert.doesNotMatch(output, /on\n$/);
    }
  });

  it('runs the text as it is, whatever it holds', async () => {
    const { output } = await outputOf("printf '%s' \"a'b\\\"c\" $'\\t' '$(id)'\n");
    assert.equal(output, 'a\'b"c\t$(id)');
  });
});
