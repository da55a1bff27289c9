import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { inspectRunbook } from '../../../extension/runbook/inspect.ts';
import { findHiddenCharacters, findPlaceholders } from '../../../extension/runbook/hiddenCharacters.ts';

function blocksOf(text: string): (readonly [number, number, string, string, boolean, string])[] {
  return inspectRunbook(text).blocks.map(
    (block) => [block.line, block.endLine, block.language, block.kind, block.runnable, block.text] as const,
  );
}

describe('inspectRunbook', () => {
  it('finds title, headings, blocks and their hash', () => {
    const found = inspectRunbook('# Title\n\n## Step\n\n```bash\necho 1\n```\n');
    assert.equal(found.title, 'Title');
    assert.deepEqual(found.blocks, [
      {
        index: 0,
        language: 'bash',
        kind: 'shell',
        runnable: true,
        line: 5,
        endLine: 7,
        heading: 'Step',
        sha256: createHash('sha256').update('echo 1\n').digest('hex'),
        text: 'echo 1\n',
      },
    ]);
  });

  for (const [title, text, expected] of [
    ['tilde fences and info strings', '~~~ sh {x}\nls\n~~~', [[1, 3, 'sh', 'shell', true, 'ls\n']]],
    ['a longer closing fence', '```sh\nls\n`````\n', [[1, 3, 'sh', 'shell', true, 'ls\n']]],
    ['a shorter fence inside', '````sh\n```\n````\n', [[1, 3, 'sh', 'shell', true, '```\n']]],
    ['CRLF as LF', '```sh\r\na\r\nb\r\n```\r\n', [[1, 4, 'sh', 'shell', true, 'a\nb\n']]],
    [
      'a block in a list without its indent',
      '1. x\n\n   ```sh\n   ls\n   ```\n',
      [[3, 5, 'sh', 'shell', true, 'ls\n']],
    ],
    ['a block in a quotation', '> ```sh\n> ls\n> ```\n', [[1, 3, 'sh', 'shell', true, 'ls\n']]],
    ['an unclosed fence as not runnable', '```sh\nrm x\n', [[1, 2, 'sh', 'shell', false, 'rm x\n']]],
    [
      'an unclosed fence whose last line looks like another',
      '```sh\nls ~~~\n',
      [[1, 2, 'sh', 'shell', false, 'ls ~~~\n']],
    ],
    ['an empty block as not runnable', '```sh\n\n```\n', [[1, 3, 'sh', 'shell', false, '\n']]],
    ['console blocks as not runnable', '```console\n$ ls\n```\n', [[1, 3, 'console', 'console', false, '$ ls\n']]],
    ['blocks without a language as not runnable', '```\nls\n```\n', [[1, 3, '', 'none', false, 'ls\n']]],
    ['other languages as not runnable', '```SQL\nx\n```\n', [[1, 3, 'sql', 'other', false, 'x\n']]],
    ['nothing in comments and indented code', '<!--\n```sh\nrm x\n```\n-->\n\n    ```sh\n    ls\n    ```\n', []],
  ] as const)
    it(`reads ${title}`, () => {
      assert.deepEqual(blocksOf(text), expected);
    });

  it('counts checklist items outside of blocks', () => {
    const text = '- [ ] a\n- [x] b\n1. [X] c\n- [] no\n```sh\n- [ ] d\n```\n';
    assert.deepEqual(inspectRunbook(text).checklist, { checked: 2, total: 3 });
  });
});

describe('findHiddenCharacters', () => {
  it('finds bidirectional controls, invisible characters, controls and false blanks with their place', () => {
    assert.deepEqual(findHiddenCharacters('ls\nrm\u00A0-rf \u202E/ \u200B\r'), [
      { line: 2, column: 3, code: 'U+00A0' },
      { line: 2, column: 8, code: 'U+202E' },
      { line: 2, column: 11, code: 'U+200B' },
      { line: 2, column: 12, code: 'U+000D' },
    ]);
  });

  it('leaves ordinary text of any language alone', () => {
    assert.deepEqual(findHiddenCharacters('echo \'Größe 大きさ שלום 😀\' \\\n\t| tee "x"'), []);
  });
});

describe('findPlaceholders', () => {
  it('finds what a person was to fill in, not redirections', () => {
    assert.deepEqual(findPlaceholders('ssh <host> "x < y > z" <db name> 2>&1 <host> <(cat)'), ['<host>', '<db name>']);
  });
});
