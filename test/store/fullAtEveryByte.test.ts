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

    for (const [name, what] of [
      ['config', 'the kept configuration stays the old one'],
      ['token', 'tokens that were there stay good, and no half copy is left'],
      ['certificate', 'the pair of the agent is whole or not there, and made later'],
    ] as const) {
      it(`F04: ${what}`, async () => {
        const program = join(import.meta.dirname, 'fullAtEveryByte.ts');
        const { stdout } = await run(process.execPath, [program, name, folder, full ? '1' : '17']);
        const { tries, failures } = counts.parse(JSON.parse(stdout));
        tell(`${name}: ${tries} sizes tried, ${failures} writes failed, none did harm`);
        assert.ok(failures > 0 && failures <= tries);
      });
    }
  });
}
