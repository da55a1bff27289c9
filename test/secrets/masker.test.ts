import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Masker, nothingSecret } from '../../agent/secrets/masker.ts';

const password = 'hunter2-ß"\\/+ =x';

describe('the masker', () => {
  const masker = new Masker([password, 'second-secret', 'abc']);
  const key = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----';

  const forms: readonly (readonly [string, string])[] = [
    ['as it is', password],
    ['in JSON', JSON.stringify({ password })],
    ['in JSON within JSON', JSON.stringify(JSON.stringify({ password }))],
    ['percent-encoded', `https://x/?p=${encodeURIComponent(password)}&q=1`],
    ['percent-encoded in lower case', encodeURIComponent(password).replaceAll(/%../g, (code) => code.toLowerCase())],
    ['as a form', new URLSearchParams({ password }).toString()],
    ['in base64', Buffer.from(password).toString('base64')],
    ['in base64url', Buffer.from(password).toString('base64url')],
    ...[1, 2, 3, 4].map(
      (before) =>
        [
          `in base64 after ${before} bytes`,
          Buffer.from(`${'u'.repeat(before)}${password}:tail`).toString('base64'),
        ] as const,
    ),
  ];
  for (const [name, text] of forms) {
    it(`hides a secret ${name}, and keeps the length`, () => {
      const hidden = masker.text(text);
      assert.equal(Buffer.byteLength(hidden), Buffer.byteLength(text));
      assert.match(hidden, /\*{12}/);
      const decoded = [hidden, decodeURIComponent(hidden), Buffer.from(hidden, 'base64').toString()];
      assert.ok(decoded.every((shown) => !shown.includes('hunter2')));
    });
  }

  it('hides secrets that overlap, touch and repeat', () => {
    const overlapping = new Masker(['abcdef', 'defghi', 'ghij']);
    assert.equal(overlapping.text('xabcdefghijx abcdefabcdef abcde'), 'x**********x ************ abcde');
  });

  it('hides each line of a key that is printed line by line, but not what says only that it is a key', () => {
    const shown = new Masker([key]).text(`> ${key.replaceAll('\n', '\r\n> ')}`);
    assert.equal(
      shown,
      ['-----BEGIN PRIVATE KEY-----', '****************', '****************', '-----END PRIVATE KEY-----']
        .map((line) => `> ${line}`)
        .join('\r\n'),
    );
  });

  it('leaves alone what is shorter than four bytes, and costs nothing without secrets', () => {
    assert.equal(masker.text('abc abc'), 'abc abc');
    const value = { text: 'second-secret' };
    assert.equal(nothingSecret.deep(value), value);
    assert.equal(nothingSecret.empty && new Masker(['abc', '']).empty, true);
  });

  it('agrees with a search for each secret alone, in random bytes', () => {
    const secrets = Array.from({ length: 20 }, (_, index) => randomBytes(3 + index).toString('hex'));
    const many = new Masker(secrets);
    for (let round = 0; round < 50; round += 1) {
      const parts = Array.from({ length: 40 }, (_, index) =>
        index % 3 === 0
          ? (secrets[(round + index) % 20] ?? '')
          : randomBytes(5)
              .toString('hex')
              .slice(0, round % 10),
      );
      const text = parts.join('');
      const expected = text.split('');
      for (const secret of secrets) {
        for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + 1)) {
          expected.fill('*', at, at + secret.length);
        }
      }
      assert.equal(many.text(text), expected.join(''));
    }
  });

  it('masks values and keys of data, and leaves numbers and the rest as they are', () => {
    const data = { a: [`x ${password}`, 1, null, true], 'second-secret': { b: 'plain' } };
    assert.deepEqual(masker.deep(data), {
      a: [`x ${'*'.repeat(Buffer.byteLength(password))}`, 1, null, true],
      '*************': { b: 'plain' },
    });
  });

  it('keeps a line of JSON readable even when the secret begins in the middle of an escape', () => {
    const tricky = new Masker(['nasty-secret']);
    const line = `${JSON.stringify({ text: 'a\nasty-secret nasty-secret' })}\n`;
    assert.deepEqual(JSON.parse(tricky.json(line)), { text: 'a\nasty-secret ************' });
  });

  it('tells how much at the end may become a secret', () => {
    assert.equal(masker.unfinished(Buffer.from('the second-sec')), 'second-sec'.length);
    assert.equal(masker.unfinished(Buffer.from('the second-secret')), 0);
    assert.equal(masker.unfinished(Buffer.from('')), 0);
  });
});
