import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { full, tell } from '../integration/measure.ts';

const run = promisify(execFile);
const counts = z.object({ tries: z.int(), failures: z.int() });

if (existsSync('/usr/bin/prlimit')) {
  describe('a disk that is full at any byte (F04)', function () {
    this.timeout(120_000);
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'upkeep-full-'));
    });
    afterEach(() => {
      rmSync(folder, { recursive: true });
    });

    for (const [name, what, step] of [
      ['config', 'the kept configuration stays the old one', full ? 1 : 17],
      ['token', 'tokens that were there stay good, and no half copy is left', full ? 1 : 17],
      ['certificate', 'the pair of the agent is whole or not there, and made later', full ? 1 : 17],
      ['upgrade', 'the store of an older version is the old or the new one', full ? 509 : 50_021],
    ] as const) {
      it(`F04: ${what}`, async () => {
        const program = join(import.meta.dirname, 'fullAtEveryByte.ts');
        const { stdout } = await run(process.execPath, [program, name, folder, String(step)]);
        const { tries, failures } = counts.parse(JSON.parse(stdout));
        tell(`${name}: ${tries} sizes tried, ${failures} writes failed, none did harm`);
        assert.ok(failures > 0 && failures <= tries);
      });
    }
  });
}
