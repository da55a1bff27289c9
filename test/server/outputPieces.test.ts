import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { MethodResult } from '../../agent/protocol/methods.ts';
import { Masker, nothingSecret } from '../../agent/secrets/masker.ts';
import { encodingOf } from '../../agent/server/encodedAnswers.ts';
import { OutputPieces, type OutputWanted } from '../../agent/server/outputPieces.ts';

const limit = 64 * 1024;
const text = 'añ€😀z"\\\n'.repeat(100_000);
const size = Buffer.byteLength(text);

describe('pieces of output that many follow (F16)', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-pieces-'));
    file = join(folder, 'output.log');
    writeFileSync(file, text);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const wanted = (more: Partial<OutputWanted> = {}): OutputWanted => ({
    file,
    offset: 0,
    limit,
    ended: false,
    masker: nothingSecret,
    ...more,
  });

  it('are read and encoded once for all who ask for the same, at once or a little later', async () => {
    const pieces = new OutputPieces();
    const [first, second] = await Promise.all([pieces.get(wanted()), pieces.get(wanted())]);
    assert.equal(first, second);
    assert.equal(await pieces.get(wanted()), first);
    assert.deepEqual(JSON.parse(String(encodingOf(first))), first);
    assert.notEqual(await pieces.get(wanted({ offset: first.nextOffset })), first);
  });

  it('give every byte to readers at different places', async () => {
    const pieces = new OutputPieces();
    const read = async (): Promise<string> => {
      let all = '';
      for (let offset = 0, piece: MethodResult<'runs.output'> | null = null; piece === null || offset < piece.size;) {
        piece = await pieces.get(wanted({ offset, ended: true }));
        const encoded = encodingOf(piece);
        assert.deepEqual(encoded === undefined ? piece : JSON.parse(String(encoded)), piece);
        all += Buffer.from(piece.text, piece.encoding).toString();
        offset = piece.nextOffset;
      }
      return all;
    };
    assert.deepEqual(await Promise.all([read(), read(), delay(5).then(read)]), [text, text, text]);
  });

  it('are not shared where more may be written: at the end of what there is, and before and after the end of the run', async () => {
    const pieces = new OutputPieces();
    const offset = size - 10;
    assert.equal((await pieces.get(wanted({ offset }))).size, size);
    appendFileSync(file, 'more');
    const later = await pieces.get(wanted({ offset }));
    assert.deepEqual([later.size, later.nextOffset, later.ended], [size + 4, size + 4, false]);
    assert.equal((await pieces.get(wanted({ ended: true }))).ended, true);
    assert.equal((await pieces.get(wanted())).ended, false);
  });

  it('are read anew once there is another secret to hide', async () => {
    const pieces = new OutputPieces();
    writeFileSync(file, 'password '.repeat(limit));
    assert.ok((await pieces.get(wanted())).text.startsWith('password'));
    const hidden = await pieces.get(wanted({ masker: new Masker(['password']) }));
    assert.ok(hidden.text.startsWith('********'));
    assert.equal(String(encodingOf(hidden)).includes('password'), false);
  });

  it('are kept in a small number and let go; what is on its way then is sent all the same', async () => {
    const pieces = new OutputPieces(1);
    const answers: MethodResult<'runs.output'>[] = [];
    for (let offset = 0; offset < 12 * limit; offset = answers.at(-1)?.nextOffset ?? 0)
      answers.push(await pieces.get(wanted({ offset })));
    assert.ok(pieces.size <= 8);
    while (pieces.size > 0) await delay(1);
    for (const answer of answers) assert.equal(encodingOf(answer), undefined);
    assert.notEqual(await pieces.get(wanted()), answers[0]);
    assert.deepEqual(await pieces.get(wanted()), answers[0]);
  });

  it('fail for all who wait, and are tried again by the next', async () => {
    const pieces = new OutputPieces();
    const broken = wanted({ file: folder });
    const answers = await Promise.allSettled([pieces.get(broken), pieces.get(broken)]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    assert.equal((await pieces.get({ ...broken, file })).nextOffset > 0, true);
  });
});
