import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { inspectRunbook } from '../../agent/runbook/inspect.ts';
import { placeholders } from '../../agent/runbook/blockProblem.ts';
import type { RunbookBlock } from '../../agent/protocol/nouns.ts';

function blocks(...lines: string[]): readonly RunbookBlock[] {
  return inspectRunbook(lines.join('\n')).blocks;
}

/** `1-3 bash shell runs: text` */
function brief({ line, endLine, language, kind, runnable, text }: RunbookBlock): string {
  return `${line}-${endLine} ${language} ${kind}${runnable ? ' runs' : ''}: ${text}`;
}

describe('inspecting a runbook', () => {
  it('gives every fenced block with its lines, heading, text and hash', () => {
    const { title, blocks: found } = inspectRunbook(
      [
        '# Disk *full*',
        '',
        '```bash',
        'df -h',
        '',
        'du -sx /var',
        '```',
        '## Free `space`',
        '~~~~ console',
        '$ ls',
        '~~~',
        '~~~~',
      ].join('\n'),
    );
    assert.equal(title, 'Disk full');
    assert.deepEqual(found, [
      {
        index: 0,
        language: 'bash',
        kind: 'shell',
        runnable: true,
        line: 3,
        endLine: 7,
        heading: 'Disk full',
        sha256: createHash('sha256').update('df -h\n\ndu -sx /var\n').digest('hex'),
        text: 'df -h\n\ndu -sx /var\n',
      },
      {
        index: 1,
        language: 'console',
        kind: 'console',
        runnable: false,
        line: 9,
        endLine: 12,
        heading: 'Free space',
        sha256: createHash('sha256').update('$ ls\n~~~\n').digest('hex'),
        text: '$ ls\n~~~\n',
      },
    ]);
  });

  const kinds: readonly (readonly [string, string, RunbookBlock['kind']])[] = [
    ['sh', 'sh', 'shell'],
    ['bash', 'bash', 'shell'],
    ['Shell', 'Shell', 'shell'],
    ['zsh', 'zsh', 'shell'],
    ['ksh', 'ksh', 'shell'],
    ['bash title="x"', 'bash', 'shell'],
    ['bash {cmd=true}', 'bash', 'shell'],
    ['bash{1,3}', 'bash', 'shell'],
    ['bash,ignore', 'bash', 'shell'],
    ['{.bash}', 'bash', 'shell'],
    ['b&#97;sh', 'bash', 'shell'],
    ['console', 'console', 'console'],
    ['shell-session', 'shell-session', 'console'],
    ['sh-session', 'sh-session', 'console'],
    ['terminal', 'terminal', 'console'],
    ['sql', 'sql', 'other'],
    ['bashful', 'bashful', 'other'],
    ['', '', 'none'],
  ];
  for (const [info, language, kind] of kinds) {
    it(`takes the info string \`${info}\` as ${kind}`, () => {
      const [block] = blocks(`~~~${info}`, 'ls', '~~~');
      assert.deepEqual([block?.language, block?.kind, block?.runnable], [language, kind, kind === 'shell']);
    });
  }

  it('takes away the indentation of lists, quotes and fences, and no more', () => {
    const found = blocks(
      '1. one',
      '',
      '   - two',
      '',
      '     ```sh',
      '     a',
      '       b',
      '',
      '     c',
      '     ```',
      '',
      '> > ```sh',
      '> > d',
      '> > ```',
      '',
      '  ```sh',
      ' e',
      '    f',
      '  ```',
    );
    assert.deepEqual(found.map(brief), [
      '5-10 sh shell runs: a\n  b\n\nc\n',
      '12-14 sh shell runs: d\n',
      '16-19 sh shell runs: e\n  f\n',
    ]);
  });

  it('finds a block below twenty-five quotes', () => {
    const depth = '> '.repeat(25);
    assert.deepEqual(blocks(`${depth}\`\`\`sh`, `${depth}ls`, `${depth}\`\`\``).map(brief), [
      '1-3 sh shell runs: ls\n',
    ]);
  });

  it('sees no block in comments, indented code, inline code or a longer fence', () => {
    const found = blocks(
      '<!--',
      '```sh',
      'rm -rf /',
      '```',
      '-->',
      '',
      '    ```sh',
      '    x',
      '    ```',
      '',
      '```` md',
      '```sh',
      'y',
      '```',
      '````',
      '',
      '``` sh` ```',
    );
    assert.deepEqual(found.map(brief), ['11-15 md other: ```sh\ny\n```\n']);
  });

  it('does not run an unclosed block, at the end of the text or of its container', () => {
    const found = blocks('> ```sh', '> a', 'b', '', '- ```sh', '  c', '', 'd', '', '```sh', 'e', '', '');
    assert.deepEqual(found.map(brief), ['1-2 sh shell: a\n', '5-7 sh shell: c\n\n', '10-12 sh shell: e\n\n']);
    for (const { problem } of found) assert.match(problem ?? '', /fence is not closed/);
  });

  it('keeps lines and text the same with CRLF, CR and a byte order mark', () => {
    const lines = ['# T', '', '```sh', 'a', '', 'b', '```', '- [x] done'];
    const expected = inspectRunbook(lines.join('\n'));
    assert.equal(expected.blocks[0]?.text, 'a\n\nb\n');
    for (const text of [lines.join('\r\n'), lines.join('\r'), `\uFEFF${lines.join('\n')}`]) {
      assert.deepEqual(inspectRunbook(text), expected);
    }
  });

  it('does not take front matter for a heading, nor anything else for front matter', () => {
    const { title, blocks: found } = inspectRunbook('---\nowner: ops\ntags:\n  - db\n---\n\n```sh\nls\n```\n');
    assert.equal(title, '');
    assert.deepEqual(found.map(brief), ['7-9 sh shell runs: ls\n']);
    assert.deepEqual(blocks('---', '', '```sh', 'ls', '```', '', '---').map(brief), ['3-5 sh shell runs: ls\n']);
  });

  it('has the first heading of level 1 as title, else the first heading', () => {
    assert.equal(inspectRunbook('## Two\n\nOne\n===\n').title, 'One');
    assert.equal(inspectRunbook('## Two\n\n### Three\n').title, 'Two');
    assert.equal(inspectRunbook('text').title, '');
  });

  it('lists the items of checklists with line, state and plain text', () => {
    const { checklist } = inspectRunbook(
      [
        '- [ ] Check **disk** `df`',
        '- [x] Done',
        '  - [X] Inner [link](x)',
        '1. [ ] Numbered',
        '   second line',
        '- [y] none',
        '- [ ]',
        '- text [ ] none',
        '',
        '```',
        '- [ ] none',
        '```',
      ].join('\n'),
    );
    assert.deepEqual(checklist, [
      { line: 1, checked: false, text: 'Check disk df' },
      { line: 2, checked: true, text: 'Done' },
      { line: 3, checked: true, text: 'Inner link' },
      { line: 4, checked: false, text: 'Numbered second line' },
    ]);
  });

  const misleading: readonly (readonly [string, string, RegExp])[] = [
    ['a right-to-left override', 'ls # \u202Etxt.sh', /line 1 .*U\+202E right-to-left override\) at column 6/],
    ['a zero-width space', 'ls\nrm\u200B -rf x', /line 2 .*U\+200B zero-width character/],
    ['an escape sequence', 'echo \u001b[2J', /U\+001B control character/],
    ['a prompt', '$ systemctl restart nginx', /begins with a prompt/],
    ['nothing', '\n  \n', /is empty/],
  ];
  for (const [title, text, says] of misleading) {
    it(`V17: does not run a block with ${title}, and says why`, () => {
      const [block] = blocks('```bash', text, '```');
      assert.equal(block?.runnable, false);
      assert.match(block.problem ?? '', says);
    });
  }

  it('V17: runs what merely looks foreign', () => {
    const [block] = blocks('```bash', 'echo "日本 é \u00a0 👩\u200D💻 ✔\uFE0F" # שלום', '```');
    assert.equal(block?.runnable, true);
  });

  it('V17: names the placeholders of a block, and takes redirections for what they are', () => {
    assert.deepEqual(
      placeholders('psql -h <host> -U <db user> < dump.sql > out <<EOF\n<host>\nEOF\nsort <in >out; a 2>&1 <<<x'),
      ['host', 'db user'],
    );
  });

  it('is quick with hostile texts', () => {
    const size = 200_000;
    for (const text of [
      '> '.repeat(size),
      '`'.repeat(size),
      '- '.repeat(size),
      '[ ] '.repeat(size),
      '```sh\n'.repeat(size / 10),
      '* a\n'.repeat(size / 10),
      `- [ ] ${'*a '.repeat(size / 10)}`,
      '---\n' + 'a:\n'.repeat(size / 10),
    ]) {
      const from = process.cpuUsage();
      inspectRunbook(text);
      const { user, system } = process.cpuUsage(from);
      assert.ok(user + system < 3e6, `${(user + system) / 1e6} s for ${JSON.stringify(text.slice(0, 10))}`);
    }
  });
});
