import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadConfig } from '../../agent/config/load.ts';
import { maxConfigBytes } from '../../agent/config/text.ts';
import { load, maintenance, places, procedures, withFolder } from './harness.ts';

const half = maxConfigBytes / 2;

function laughs(): string {
  const levels = Array.from({ length: 12 }, (_, level) => {
    const inner = level === 0 ? 'lol' : `*l${level - 1} `;
    return `x-${level}: &l${level} [${Array<string>(9).fill(inner).join(',')}]`;
  });
  return maintenance(...levels, 'thresholds: *l11');
}

function mergeLaughs(): string {
  const levels = Array.from({ length: 30 }, (_, level) => {
    const inner = level === 0 ? '{a: 1}' : `{<<: [*l${level - 1} , *l${level - 1} ]}`;
    return `x-${level}: &l${level} ${inner}`;
  });
  return maintenance(...levels);
}

/** Texts that are refused as a whole, each with the place of its first diagnostic. */
const refused: Readonly<Record<string, readonly [string, string]>> = {
  'an empty file': ['', '1:1 error empty'],
  'only a comment': ['# nothing\n', '1:1 error empty'],
  'a list': ['- a\n', '1:1 error not-a-mapping'],
  'a number': ['5', '1:1 error not-a-mapping'],
  'a file without maintenance:': ['automated_tasks: []\n', '1:1 error missing-key'],
  'an empty maintenance:': ['maintenance:\n', '1:1 error not-a-mapping'],
  'several documents': ['maintenance: {}\n---\nmaintenance: {}\n', '2:1 error several-documents'],
  'a tab as indentation': ['maintenance:\n\tthresholds: {}\n', '2:1 error yaml-syntax'],
  'an open quote': ['maintenance:\n  timezone: "UTC\n', '2:13 error yaml-syntax'],
  'an open bracket': ['maintenance: {thresholds: [1\n', '2:1 error yaml-syntax'],
  'a variable in a flow mapping': ['maintenance:\n  certificates: {paths: [${HOME}/x]}\n', '2:27 error yaml-syntax'],
  NUL: ['maintenance:\n  timezone: "a\0"\n', '2:15 error control-character'],
  'an escape character': ['maintenance:\n  timezone: \u001b[31m\n', '2:13 error control-character'],
  'half a surrogate pair': ['maintenance: "\ud800"\n', '1:15 error control-character'],
  'two task lists': [maintenance('automated_tasks: []', 'automated_tasks: []'), '3:3 error duplicate-key'],
  'a mapping as key': ['maintenance: {[a]: 1}\n', '1:15 error invalid-key'],
  'nesting in brackets': ['['.repeat(half), '1:51 error too-deep'],
  'nesting in braces': ['{a:'.repeat(half / 3), '1:151 error too-deep'],
  'nesting in dashes': ['- '.repeat(half / 2), '1:101 error too-deep'],
  'nesting by indentation': [
    Array.from({ length: 300 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
    '66:66 error too-deep',
  ],
  'billion laughs': [laughs(), '2:29 error too-many-aliases'],
  'billion laughs by merge keys': [mergeLaughs(), '2:12 error too-many-aliases'],
  'ten megabytes': ['x'.repeat(10 * 1024 * 1024), '1:1 error too-large'],
  'a hundred thousand values': [`a: [${'1,'.repeat(half / 2)}]`, '1:66667 error too-large'],
  'quotes without end': ['"'.repeat(half), '1:199999 error too-large'],
  'broken lines without end': ['a: }\n'.repeat(half / 5), '16667:3 error too-large'],
};

describe('hostile and odd configurations (V25, V28)', () => {
  for (const [title, [text, place]] of Object.entries(refused)) {
    it(`V25: refuses ${title} with line and column`, () => {
      const result = load(text);
      assert.equal(result.config, null);
      assert.equal(places(result)[0], place);
      assert.ok(result.diagnostics.length <= 3);
      for (const { message } of result.diagnostics) assert.ok(message.length < 500);
    });
  }

  it('V25: judges the worst of them within a second and 100 MB, in a process of its own', async () => {
    await withFolder(async (folder) => {
      const worst = [
        laughs(),
        `a: [${'1,'.repeat(half / 2)}]`,
        'a: }\n'.repeat(half / 5),
        `a: "${'\\\n'.repeat(half / 2)}"`,
      ];
      const texts = [
        ...worst,
        maintenance(`thresholds: "${'${'.repeat(half / 4)}"`),
        maintenance(`x-a: &a [b]`, `x-b: [${'*a ,'.repeat(20_000)}]`),
      ];
      await writeFile(join(folder, 'texts.json'), JSON.stringify(texts));
      const script = `
        import { readFileSync } from 'node:fs';
        import { loadConfig } from ${JSON.stringify(new URL('../../agent/config/load.ts', import.meta.url).href)};
        const texts = JSON.parse(readFileSync(${JSON.stringify(join(folder, 'texts.json'))}, 'utf8'));
        const judge = (text) => loadConfig({ file: '/nonexistent-upkeep/m.yaml', text, env: {}, procedures: new Map() });
        judge('maintenance: {}');
        const before = process.memoryUsage().rss;
        for (const text of texts) {
          const from = process.cpuUsage();
          judge(text);
          const { user, system } = process.cpuUsage(from);
          // Processor time, not the clock's: other tests may keep the machine busy. Several threads collect garbage.
          if (user + system > 2e6) throw new Error('took ' + (user + system) / 1e6 + ' s: ' + text.slice(0, 40));
        }
        const grown = (process.resourceUsage().maxRSS * 1024 - before) / 1e6;
        if (grown > 100) throw new Error('grew by ' + grown + ' MB');
      `;
      await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
    });
  });

  it('V25: an alias of itself refuses only what it is in', () => {
    const result = load('maintenance: &all\n  thresholds: *all\n  timezone: Asia/Tokyo\n');
    assert.deepEqual(places(result), ['2:15 error alias-loop']);
    assert.equal(result.config?.timezone, 'Asia/Tokyo');
  });

  it('V25: an alias without anchor refuses only what it is in', () => {
    const result = load('maintenance:\n  thresholds: *none\n  timezone: Asia/Tokyo\n');
    assert.deepEqual(places(result), ['2:15 error yaml-syntax']);
    assert.equal(result.config?.timezone, 'Asia/Tokyo');
  });

  it('V25: tags construct nothing', () => {
    const result = load(maintenance('timezone: !!js/function "function () { throw 1 }"'));
    assert.deepEqual(places(result), ['2:13 warning yaml-syntax', '2:27 error invalid-timezone']);
  });

  it('V28: names of the prototype are keys like any other, and change nothing', () => {
    const result = load(
      maintenance(
        '__proto__: {polluted: 1}',
        'thresholds: {__proto__: {polluted: 1}, constructor: 1, toString: 2, disk_usage_percent: 5}',
        'automated_tasks:',
        '  - {name: constructor, procedure: rotate-logs}',
        '  - {name: toString, procedure: toString}',
        '  - {name: hasOwnProperty, script: __proto__}',
        '  - {name: __proto__, procedure: rotate-logs}',
        '  - {name: a, procedure: rotate-logs, options: {__proto__: {force: true}}}',
        '  - {name: b, procedure: rotate-logs, options: {constructor: 1, valueOf: "${toString}"}}',
      ),
    );
    assert.equal(Reflect.get({}, 'polluted'), undefined);
    assert.equal(result.config?.thresholds.disk_usage_percent, 5);
    assert.deepEqual(
      result.config.tasks.map(({ name }) => name),
      ['constructor'],
    );
    assert.deepEqual(
      result.refused.map(({ name }) => name),
      ['toString', 'hasOwnProperty', '__proto__', 'a', 'b'],
    );
    assert.deepEqual(new Set(result.diagnostics.map(({ severity }) => severity)), new Set(['error']));
  });

  it('does not read a file that would never end, or block', async () => {
    await withFolder(async (folder) => {
      const fifo = join(folder, 'fifo');
      await promisify(execFile)('mkfifo', [fifo]);
      for (const file of ['/dev/zero', fifo, folder]) {
        const result = loadConfig({ file, env: {}, procedures });
        assert.deepEqual(places(result), ['1:1 error unreadable']);
      }
    });
  });
});
