import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readableSize, readOutput } from '../../agent/run/output.ts';
import { readCut, writeCut } from '../../agent/run/outputCut.ts';
import { waitForOutput } from '../../agent/run/outputWait.ts';
import { Masker } from '../../agent/secrets/masker.ts';

const never = new Promise(() => undefined);

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
    const grown = waitForOutput(file, 3, never, new AbortController().signal);
    appendFileSync(file, 'd');
    await grown;
    await waitForOutput(file, 4, Promise.resolve(), new AbortController().signal);
    await waitForOutput(file, 4, never, AbortSignal.abort());
    await waitForOutput(file, 0, never, new AbortController().signal);
  });

  it('that a run has replaced by a link is not followed, and that is said', async () => {
    writeFileSync(join(folder, 'elsewhere'), 'secret');
    symlinkSync(join(folder, 'elsewhere'), file);
    await assert.rejects(readOutput(file, 0, 10), /is a link, which is not followed/);
    await assert.rejects(readOutput(join(folder, 'elsewhere', 'below'), 0, 10), /ENOTDIR/);
  });

  it('waits for a file that is not there yet, together with others', async () => {
    const one = waitForOutput(file, 0, never, new AbortController().signal);
    const gone = new AbortController();
    const other = waitForOutput(file, 0, never, gone.signal);
    gone.abort();
    await other;
    writeFileSync(file, 'abc');
    await one;
  });

  it('has no cut where the record of one is not whole, and says when it can not be read', () => {
    writeFileSync(file, 'abc');
    for (const text of ['', '{"from":', '{"from":-1,"to":2,"shift":0}', '[]']) {
      writeFileSync(join(folder, 'output.cut.json'), text);
      assert.equal(readCut(file), null, text);
    }
    rmSync(join(folder, 'output.cut.json'));
    mkdirSync(join(folder, 'output.cut.json'));
    assert.throws(() => readCut(file), /EISDIR/);
  });

  it('is readable up to its size where the end of it was dropped', async () => {
    writeFileSync(file, 'head');
    writeCut(file, { from: 4, to: 100, shift: 96 });
    assert.equal(await readableSize(file, new Masker(['s3cret-value'])), 100);
  });

  describe('with secrets in it', () => {
    const masker = new Masker(['s3cret-value']);
    const text = `héllo s3cret-value\n${'x'.repeat(30)}s3cret-values3cret-value end\n`;
    const hidden = text.replaceAll('s3cret-value', '*'.repeat(12));

    it('V05: hides them in pieces of any size from any offset, and no offset moves', async () => {
      writeFileSync(file, text);
      const bytes = Buffer.from(hidden);
      for (const limit of [1, 2, 5, 11, 12, 13, 40, 1000]) {
        for (let offset = 0; offset < bytes.length; offset += 1) {
          const piece = await readOutput(file, offset, limit, { masker, growing: true });
          assert.deepEqual(
            Buffer.from(piece.text, piece.encoding),
            bytes.subarray(offset, piece.nextOffset),
            `${limit} bytes from ${offset}`,
          );
          assert.ok(piece.nextOffset > offset && piece.nextOffset <= offset + limit);
        }
      }
    });

    it('V05: holds back what may be the beginning of one until the rest has come, or the run has ended', async () => {
      writeFileSync(file, 'go on: s3cret');
      const early = await readOutput(file, 0, 100, { masker, growing: true });
      assert.deepEqual([early.text, early.nextOffset, early.size], ['go on: ', 7, 13]);
      const more = waitForOutput(file, 7, never, new AbortController().signal, masker);
      appendFileSync(file, '-va');
      appendFileSync(file, 'lue');
      await more;
      const whole = await readOutput(file, 7, 100, { masker, growing: true });
      assert.deepEqual([whole.text, whole.nextOffset], ['*'.repeat(12), 19]);
      writeFileSync(file, 'go on: s3cret');
      assert.equal((await readOutput(file, 7, 100, { masker, growing: false })).text, 's3cret');
    });
  });
});
