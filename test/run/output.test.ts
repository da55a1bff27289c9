import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOutput } from '../../agent/run/output.ts';
import { waitForOutput } from '../../agent/run/outputWait.ts';

describe('output', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-output-'));
    file = join(folder, 'output.log');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('gives back every byte whatever the pieces', async () => {
    const bytes = Buffer.concat([Buffer.from('añ€😀z\n'.repeat(50)), Buffer.from([0xff, 0xc3, 0x28, 0, 10])]);
    writeFileSync(file, bytes);
    for (const limit of [1, 2, 3, 4, 5, 7, 64, 4096]) {
      const parts: Buffer[] = [];
      for (let offset = 0; offset < bytes.length;) {
        const piece = await readOutput(file, offset, limit);
        parts.push(Buffer.from(piece.text, piece.encoding));
        assert.ok(piece.nextOffset > offset);
        offset = piece.nextOffset;
      }
      assert.deepEqual(Buffer.concat(parts), bytes, `pieces of ${limit}`);
    }
  });

  it('cuts text at characters', async () => {
    writeFileSync(file, 'ab€');
    const piece = await readOutput(file, 0, 4);
    assert.deepEqual([piece.text, piece.encoding, piece.nextOffset, piece.size], ['ab', 'utf8', 2, 5]);
  });

  it('is empty when there is no file, or nothing beyond the offset', async () => {
    assert.equal((await readOutput(file, 0, 10)).size, 0);
    writeFileSync(file, 'abc');
    assert.equal((await readOutput(file, 10, 10)).text, '');
  });

  it('waits for growth, for the end, and for nobody after an abort', async () => {
    writeFileSync(file, 'abc');
    const never = new Promise(() => undefined);
    const grown = waitForOutput(file, 3, never, new AbortController().signal);
    appendFileSync(file, 'd');
    await grown;
    await waitForOutput(file, 4, Promise.resolve(), new AbortController().signal);
    await waitForOutput(file, 4, never, AbortSignal.abort());
    await waitForOutput(file, 0, never, new AbortController().signal);
  });
});
