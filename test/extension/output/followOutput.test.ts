import assert from 'node:assert/strict';
import { AgentError, NotConnectedError } from '../../../extension/client/errors.ts';
import { followOutput, type OutputSource } from '../../../extension/output/followOutput.ts';
import { makeRun } from '../nouns.ts';

const whole = 'one\ntwo\nthree\n';

/** A source that gives `step` bytes per answer, and throws what `trouble` gives for an answer's number. */
function makeSource(step: number, trouble: (answer: number) => Error | null = () => null): OutputSource {
  let answers = 0;
  return {
    read: (_runId, offset) => {
      answers += 1;
      const error = trouble(answers);
      if (error !== null) return Promise.reject(error);
      const text = whole.slice(offset, offset + step);
      const nextOffset = offset + text.length;
      const ended = offset >= whole.length;
      return Promise.resolve({ offset, nextOffset, encoding: 'utf8', text, size: whole.length, ended });
    },
    describe: () => Promise.resolve({ run: makeRun(), findings: [] }),
    online: () => Promise.resolve(),
  };
}

async function follow(source: OutputSource, signal = new AbortController().signal): Promise<string> {
  let text = '';
  await followOutput(source, 'run-1', signal, (piece) => {
    text += piece;
  });
  return text;
}

describe('followOutput', () => {
  it('reads to the end of the run and says how it ended', async () => {
    assert.equal(await follow(makeSource(5)), `${whole}\n[upkeep] daily_vacuum ended: succeeded after 4.2 s\n`);
  });

  it('goes on where it was after lost connections, each byte once', async () => {
    const source = makeSource(2, (answer) => (answer % 2 === 0 ? new NotConnectedError('gone') : null));
    assert.ok((await follow(source)).startsWith(`${whole}\n[upkeep]`));
  });

  it('says in the text why it can not go on', async () => {
    const source = makeSource(4, (answer) => (answer === 2 ? new AgentError('there is no run run-1', 1004) : null));
    assert.equal(await follow(source), 'one\n\n[upkeep] the output can not be read: there is no run run-1\n');
  });

  it('ends quietly when nobody looks any more', async () => {
    const abort = new AbortController();
    abort.abort();
    const source = makeSource(4, () => new NotConnectedError('gone'));
    assert.equal(await follow(source, abort.signal), '');
  });
});
