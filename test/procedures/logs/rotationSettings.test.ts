/** Settings of `logs.rotate` with the real logrotate: what each makes of the files, and that every generation is accounted for. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type * as z from 'zod';
import { logRotation } from '../../../agent/config/logRotation.ts';
import { createHarness, levels, only } from './harness.ts';
import type { Harness } from './harness.ts';

const endings = { gzip: '.gz', zstd: '.zst', xz: '.xz', bzip2: '.bz2' } as const;

describe('settings of a rotation', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await createHarness();
  });
  afterEach(() => harness.remove());

  type Settings = Omit<z.input<typeof logRotation>, 'paths'>;
  const rotate = (settings: Settings, force = true) =>
    harness.rotate({ rotate: [{ paths: ['*.log'], ...settings }] }, { force });

  async function rotateTwice(settings: Settings): Promise<void> {
    for (const text of ['one\n', 'and two\n']) {
      await harness.write('a.log', text);
      const run = await rotate(settings);
      assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
    }
    assert.deepEqual(await harness.contents(), ['and two\n', 'one\n']);
  }

  for (const [compression, ending] of Object.entries(endings) as ['gzip', '.gz'][]) {
    it(`compression: ${compression} is written, verified, and later rotated like any`, async () => {
      await rotateTwice({ compression, delaycompress: false });
      assert.deepEqual(await harness.names(), ['a.log', `a.log.1${ending}`, `a.log.2${ending}`]);
      await rotateTwice({ compression, delaycompress: false, rotate: 2 });
    });

    it(`compression: ${compression} is done anew where a killed one broke off, a round later or at once (F02)`, async () => {
      for (const delaycompress of [false, true]) {
        await harness.write('a.log', 'new\n');
        await harness.write('a.log.1', `old ${'line '.repeat(500)}\n`);
        const whole = execFileSync(compression, ['-c', harness.file('a.log.1')]);
        await writeFile(harness.file(`a.log.1${ending}`), whole.subarray(0, whole.length >> 1));
        const run = await rotate({ compression, delaycompress });
        assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
        assert.deepEqual(levels(run, 'logs.repair'), ['info']);
        assert.deepEqual(await harness.contents(), ['new\n', `old ${'line '.repeat(500)}\n`]);
        await harness.remove();
        harness = await createHarness();
      }
    });
  }

  it('passes options to the program, and leaves the file to it', async () => {
    await rotateTwice({ compression: 'zstd', compressoptions: '-19 -T1', delaycompress: false });
  });

  it('a compression whose program is missing names its package, and rotates nothing', async () => {
    await harness.write('a.log', 'one\n');
    const folder = path.join(harness.memory, 'bin');
    await mkdir(folder);
    await writeFile(path.join(folder, 'logrotate'), '#!/bin/sh\nexit 9\n', { mode: 0o755 });
    const run = await harness.rotate(
      { rotate: [{ paths: ['*.log'], compression: 'xz' }] },
      { force: true, env: { PATH: folder } },
    );
    assert.equal(run.outcome, 'failed');
    const finding = only(run.findings);
    assert.deepEqual([finding.code, finding.level], ['logs.compressor', 'critical']);
    assert.match(finding.message, /install the package `xz-utils`/);
    assert.deepEqual(await harness.names(), ['a.log']);
  });

  for (const delaycompress of [false, true]) {
    it(`olddir: generations go there, and are found there, compressed ${delaycompress ? 'later' : 'at once'}`, async () => {
      const settings = { olddir: 'old', createolddir: '0750', delaycompress };
      await rotateTwice(settings);
      const names = (await readdir(harness.file('old'))).sort();
      assert.deepEqual(names, delaycompress ? ['a.log.1', 'a.log.2.gz'] : ['a.log.1.gz', 'a.log.2.gz']);
      assert.equal((await stat(harness.file('old'))).mode & 0o777, 0o750);
      await harness.write('a.log', 'the third\n');
      const run = await rotate({ ...settings, rotate: 1 });
      assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
      assert.equal(only(run.files).rotatedTo, harness.file(delaycompress ? 'old/a.log.1' : 'old/a.log.1.gz'));
    });
  }

  it('an olddir that is not there is told with what to do', async () => {
    await harness.write('a.log', 'one\n');
    const run = await rotate({ olddir: 'nowhere' });
    assert.equal(run.outcome, 'failed');
    assert.match(run.findings.map(({ message }) => message).join(), /nowhere.*createolddir/);
    assert.deepEqual(await harness.contents(), ['one\n']);
  });

  it('dateformat: odd forms are found again, and removed only as configured', async () => {
    const settings = { dateext: true, dateformat: '.%Y-%m-%dT%H_%s', delaycompress: false, rotate: 1 };
    await harness.write('a.log', 'one\n');
    const first = await rotate(settings);
    assert.match(only(first.files).rotatedTo ?? '', /a\.log\.\d{4}-\d\d-\d\dT\d\d_\d{9,}\.gz$/);
    const [made] = (await harness.names()).filter((name) => name.endsWith('.gz'));
    await rename(harness.file(made!), harness.file(made!.replace(/_\d+/, '_1000000000')));
    await harness.write('a.log', 'and two\n');
    const second = await rotate(settings);
    assert.equal(second.outcome, 'changed', JSON.stringify(second.findings));
    assert.deepEqual(await harness.contents(), ['and two\n']);
    await harness.write('a.log', 'the third\n');
    const taken = await rotate({ dateext: true, dateformat: '-%Y', delaycompress: false });
    assert.equal(taken.outcome, 'changed');
    await harness.write('a.log', 'fourth\n');
    const again = await rotate({ dateext: true, dateformat: '-%Y', delaycompress: false });
    assert.match(again.findings.map(({ message }) => message).join(), /let `dateformat` .* hold the seconds/);
    assert.ok((await harness.contents()).includes('fourth\n'));
  });

  it('extension: the ending of the name stays, and generations are found', async () => {
    await rotateTwice({ extension: '.log', delaycompress: false, paths: ['a.log'] } as Settings);
    assert.deepEqual(await harness.names(), ['a.1.log.gz', 'a.2.log.gz', 'a.log']);
  });

  it('maxage: what is older is removed as configured, and not called lost', async () => {
    await harness.write('a.log', 'new\n');
    await harness.write('a.log.1', 'very old\n');
    await utimes(harness.file('a.log.1'), 1_600_000_000, 1_600_000_000);
    const run = await rotate({ maxage: 30, compress: false });
    assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
    assert.deepEqual(await harness.contents(), ['new\n']);
  });

  it('minsize, maxsize and size decide with or without the time', async () => {
    await harness.write('a.log', 'x'.repeat(2000));
    assert.equal(only((await rotate({ maxsize: '4k' }, false)).files).action, 'not_due');
    assert.equal(only((await rotate({ maxsize: '1k' }, false)).files).action, 'rotated');
    await harness.write('a.log', 'x'.repeat(2000));
    assert.equal(only((await rotate({ minsize: '1k' }, false)).files).action, 'not_due');
    assert.equal(only((await rotate({ size: '1k' }, false)).files).action, 'rotated');
  });

  it('nocreate: no new file is made, and none is missed', async () => {
    await harness.write('a.log', 'one\n');
    const run = await rotate({ nocreate: true });
    assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
    assert.deepEqual(await harness.names(), ['a.log.1']);
  });

  it('scripts run in their order, and a prerotate that fails leaves everything as it is', async () => {
    const told = path.join(harness.memory, 'told');
    const say = (word: string) => `echo ${word} >> ${told}`;
    await harness.write('a.log', 'one\n');
    const scripts = {
      firstaction: say('first'),
      prerotate: say('pre'),
      postrotate: say('post'),
      lastaction: say('last'),
    };
    assert.equal((await rotate(scripts)).outcome, 'changed');
    assert.equal(await readFile(told, 'utf8'), 'first\npre\npost\nlast\n');
    await harness.write('a.log', 'two\n');
    const refused = await rotate({ prerotate: 'exit 3' });
    assert.equal(refused.outcome, 'failed');
    assert.match(refused.findings.map(({ message }) => message).join(), /prerotate.*nothing was rotated/);
    assert.equal(await harness.read('a.log'), 'two\n');
  });

  it('all of them at once are accepted by logrotate', async () => {
    await harness.write('a.log', 'x'.repeat(5000));
    const run = await rotate({
      frequency: 'weekly',
      weekday: 'monday',
      minsize: '1k',
      maxsize: '1M',
      minage: 0,
      maxage: 400,
      rotate: -1,
      dateext: true,
      dateformat: '-%Y%m%d-%H%M%S',
      dateyesterday: true,
      extension: '.log',
      olddir: 'old',
      createolddir: '0755',
      create: '0640',
      compression: 'xz',
      compressoptions: '-0',
    });
    assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
    assert.equal((await stat(harness.file('a.log'))).mode & 0o777, 0o640);
  });
});

describe('settings that contradict each other', () => {
  for (const [name, settings, key] of [
    ['a weekday of a daily rotation', { weekday: 'monday' }, 'weekday'],
    ['a dateformat without dateext', { dateformat: '-%Y' }, 'dateformat'],
    ['a dateformat that does not sort', { dateext: true, dateformat: '-%d%m%Y' }, 'dateformat'],
    [
      'a dateformat that is the same all day',
      { frequency: 'hourly', dateext: true, dateformat: '-%Y%m%d' },
      'dateformat',
    ],
    ['create and nocreate', { create: '0644', nocreate: true }, 'nocreate'],
    ['createolddir without olddir', { createolddir: '0755' }, 'createolddir'],
    ['options that are shell text', { compressoptions: '-9; rm -rf /' }, 'compressoptions'],
    ['an olddir with a line break', { olddir: 'old\n}' }, 'olddir'],
  ] as const) {
    it(`are refused: ${name}`, () => {
      const parsed = logRotation.safeParse({ paths: ['a.log'], ...settings });
      assert.deepEqual(
        parsed.error?.issues.map(({ path: place }) => place[0]),
        [key],
      );
    });
  }
});
