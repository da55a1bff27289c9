/** Which generations are old enough for the archive: by their last write, and by the date in their names. */
import assert from 'node:assert/strict';
import { utimes } from 'node:fs/promises';
import { createArchiveHarness } from './archiveHarness.ts';
import type { ArchiveHarness } from './archiveHarness.ts';
import { only } from './harness.ts';

const now = new Date('2026-06-15T12:00:00Z');

describe('the age of a generation', () => {
  let harness: ArchiveHarness;
  beforeEach(async () => {
    harness = await createArchiveHarness();
  });
  afterEach(() => harness.remove());

  async function written(name: string, at: string): Promise<void> {
    await harness.old(name, `${name}\n`);
    await utimes(harness.file(name), new Date(at), new Date(at));
  }

  for (const [what, name, at, byName, archived] of [
    ['its last write', 'a.log.1', '2026-05-01', false, true],
    ['its last write, a young one', 'a.log.1', '2026-06-01', false, false],
    ['both: an old name and an old write', 'a.log-20260501', '2026-05-02', false, true],
    ['both: a name that is young, though its time is old', 'a.log-20260614', '1990-01-01', false, false],
    ['both: an old name, though it was written lately', 'a.log-20260501', '2026-06-14', false, false],
    ['its name alone, when that is wanted', 'a.log-20260501', '2026-06-14', true, true],
    ['its name alone, a young one', 'a.log-20260614', '1990-01-01', true, false],
    ['its last write, when there is no date in its name', 'a.log.1', '2026-06-14', true, false],
    ['the end of the day that its name says', 'a.log-20260515', '2026-05-01', false, true],
    ['the end of that day, not its beginning', 'a.log-20260516', '2026-05-01', false, false],
    ['the end of the month that its name says', 'a.log-2026-05', '2026-05-01', false, false],
  ] as const) {
    it(`is by ${what}`, async () => {
      await written(name, at);
      await harness.archive({}, { now, options: { byName } });
      assert.deepEqual(await harness.names(), archived ? [] : [name]);
    });
  }

  it('is told where a restore made logs look new, and where a clock was wrong', async () => {
    await written('a.log-20260501', '2026-06-14');
    await written('a.log-20260502', '2026-06-14');
    await written('b.log.1', '2030-01-01');
    const run = await harness.archive({}, { now });
    const [late, future] = run.findings.filter(({ code }) => code === 'logs.age');
    assert.match(
      late?.message ?? '',
      /^2 files old by the date in the name were written later .* --by-name: .*a\.log-20260501 …$/,
    );
    assert.equal(late?.level, 'info');
    assert.match(future?.message ?? '', /^1 file was last written in the future .*b\.log\.1$/);
    assert.deepEqual([future?.level, run.outcome], ['warning', 'warning']);
  });

  it('is no word about what is merely young', async () => {
    await written('a.log-20260614', '2026-06-14');
    assert.equal(only((await harness.archive({}, { now })).findings).level, 'ok');
  });
});
