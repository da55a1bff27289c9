/** No default in the place of a mistake: every procedure, each setting that it works by. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import * as z from 'zod';
import { missingFrom, settingOf } from '../../agent/config/relied.ts';
import type { Config } from '../../agent/config/schema.ts';
import { defineProcedure, type AnyProcedure, type ProcedureOutcome } from '../../agent/procedures/define.ts';
import { procedures } from '../../agent/procedures/index.ts';
import type { Finding } from '../../agent/protocol/nouns.ts';
import { load, withFolder } from '../config/harness.ts';
import { makeConfig, record } from './database/context.ts';

/** Options without which nothing is changed, or nothing can be run. */
const needed: Readonly<Record<string, object>> = {
  'apply-optimizations': { only: ['a'] },
  'monitor-queries': { terminate: 1 },
  'optimize-indexes': { apply: true },
  'verify-certificate': { cert: '/nonexistent/cert.pem' },
};
/** Options with which it looks only, where it changes with others. */
const looking: Readonly<Record<string, object>> = {
  'apply-optimizations': {},
  'archive-logs': { verify: true },
  'monitor-queries': {},
  'optimize-indexes': {},
};
/** Procedures whose work depends on no setting: none so far. */
const independent: readonly string[] = [];

const all = [...new Set(procedures.values())];

/** The configuration with a mistake in a setting, and the place at which it is found. */
function mistaken(setting: string): { readonly config: Config; readonly place: string } {
  const path = setting.replace('[]', '').split('.');
  const text = path.reduceRight<unknown>((below, key) => ({ [key]: below }), { nonsense: 1 });
  const { config } = load(JSON.stringify({ maintenance: text }));
  assert.ok(config);
  let known: unknown = makeConfig();
  for (const key of path) known = typeof known === 'object' && known !== null ? Reflect.get(known, key) : undefined;
  const isMap = typeof known === 'object' && known !== null && !Array.isArray(known);
  return { config, place: isMap ? [...path, 'nonsense'].join('.') : path.slice(0, 2).join('.') };
}

async function refusal(procedure: AnyProcedure, config: Config, dryRun: boolean) {
  return await withFolder(async (memoryDirectory) => {
    const { context, findings } = record(config, { dryRun, memoryDirectory });
    const { outcome, part } = await procedure.execute(needed[procedure.name] ?? {}, context);
    return { outcome, part, findings, left: readdirSync(memoryDirectory) };
  });
}

/** What it says before it does anything: it is stopped there. */
async function firstWord(procedure: AnyProcedure, options: object, config: Config): Promise<Finding | undefined> {
  const { context, findings } = record(config);
  const enough = new Error('enough');
  const finding = (said: Finding): never => {
    findings.push(said);
    throw enough;
  };
  await assert.rejects(procedure.execute(options, { ...context, finding }), enough);
  return findings[0];
}

describe('a mistake in the settings of a procedure', () => {
  it('concerns every procedure: each says by which settings it works', () => {
    const none = all.filter(({ settings }) => settings.length === 0).map(({ name }) => name);
    assert.deepEqual(none, independent);
  });

  for (const procedure of all) {
    const { name, changes } = procedure;
    const expected = `${changes ? 'makes' : 'is told first by'} ${name}${changes ? ' refuse' : ''}`;
    it(`${expected}, with the place`, async () => {
      for (const relied of procedure.settings) {
        const setting = settingOf(relied);
        const { config, place } = mistaken(setting);
        if (changes && typeof relied !== 'string') {
          const impact = (await procedure.impactOf(needed[name] ?? {}, config)) ?? '';
          assert.deepEqual([missingFrom(config, [relied])[0]?.loss, impact.startsWith('It refuses')], ['told', false]);
          continue;
        }
        const effect = changes ? 'nothing was done' : 'a default was used instead';
        const finding = {
          level: changes ? 'critical' : 'warning',
          code: 'config.mistake',
          subject: place,
          message: `There is a mistake in ${place} of maintenance.yaml, and so ${effect}; upkeep config check says what it is.`,
        };
        if (!changes) {
          assert.deepEqual(await firstWord(procedure, needed[name] ?? {}, config), finding, setting);
          continue;
        }
        for (const dryRun of [false, true]) {
          const refused = { outcome: 'failed', part: {}, findings: [finding], left: [] };
          assert.deepEqual(await refusal(procedure, config, dryRun), refused, setting);
        }
        const impact = await procedure.impactOf(needed[name] ?? {}, config);
        assert.equal(impact, `It refuses. ${finding.message}`, setting);
        const looks = looking[name];
        if (looks !== undefined) assert.equal((await firstWord(procedure, looks, config))?.level, 'warning', setting);
      }
    });
  }

  const { config } = load('maintenance: { logs: { rotate: [{ paths: [/a] }, { paths: 7 }], state: [] } }');

  function given(changes: boolean, settings: AnyProcedure['settings'], outcome: ProcedureOutcome) {
    let runs = 0;
    const procedure = defineProcedure({
      ...{ name: 'p', area: 'logs', title: 'P', summary: 'P', changes, settings, options: z.object({}) },
      work: () => {
        runs += 1;
        return Promise.resolve({ part: z.object({}), run: () => Promise.resolve({ outcome, part: {} }) });
      },
    });
    return async () => {
      assert.ok(config);
      const { context, findings } = record(config);
      const result = await procedure.execute({}, context);
      return [result.outcome, runs, ...findings.map(({ level, subject }) => `${level} ${subject}`)];
    };
  }

  it('keeps the work of what changes anything from being loaded', async () => {
    const run = given(true, ['logs.rotate[]', 'logs.state'], 'changed');
    assert.deepEqual(await run(), ['failed', 0, 'critical logs.rotate[1]', 'critical logs.state']);
  });

  it('lets the rest be done when only entries of a list are missing, and that is no success', async () => {
    for (const outcome of ['changed', 'unchanged', 'warning', 'failed'] as const) {
      assert.deepEqual(await given(true, ['logs.rotate[]'], outcome)(), ['failed', 1, 'critical logs.rotate[1]']);
    }
  });

  it('stops nothing where something is only told by it, and leaves that at best a warning', async () => {
    const told = { setting: 'logs.state', tells: true } as const;
    assert.deepEqual(await given(true, [told], 'changed')(), ['warning', 1, 'warning logs.state']);
    assert.deepEqual(await given(true, [told], 'failed')(), ['failed', 1, 'warning logs.state']);
    const both = ['critical logs.rotate[1]', 'warning logs.state'];
    assert.deepEqual(await given(true, ['logs.rotate[]', told], 'changed')(), ['failed', 1, ...both]);
  });

  it('leaves what only looks at best a warning', async () => {
    const places = ['warning logs.rotate[1]', 'warning logs.state'];
    const run = async (outcome: ProcedureOutcome) => given(false, ['logs.rotate[]', 'logs.state'], outcome)();
    assert.deepEqual(await run('unchanged'), ['warning', 1, ...places]);
    assert.deepEqual(await run('failed'), ['failed', 1, ...places]);
  });

  it('is nothing to a procedure that does not work by it', async () => {
    assert.deepEqual(await given(true, ['logs.archive', 'retention'], 'changed')(), ['changed', 1]);
  });
});
