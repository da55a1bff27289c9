import assert from 'node:assert/strict';
import { back, type Dialogs } from '../../../extension/dialogs.ts';
import { askOptions } from '../../../extension/procedure/askOptions.ts';
import { makeProcedure } from '../nouns.ts';

type Answer = string | typeof back | undefined;

/** Answers questions in order: labels of choices, texts of inputs; keeps what was asked. */
function dialogsThat(answers: readonly Answer[]): { readonly dialogs: Dialogs; readonly asked: string[] } {
  const left = [...answers];
  const asked: string[] = [];
  const unasked = (): never => assert.fail('nobody expected this question');
  return {
    asked,
    dialogs: {
      pick: (choices, { title }) => {
        asked.push(
          `${title}: ${choices.map(({ label, description }) => `${label} [${description ?? ''}]`).join(', ')}`,
        );
        const answer = left.shift();
        if (typeof answer !== 'string') return Promise.resolve(answer);
        const found = choices.find(({ label }) => label === answer);
        assert.ok(found, `${answer} is not offered`);
        return Promise.resolve(found.value);
      },
      input: ({ title, validate, prompt }) => {
        asked.push(`${title}: ${prompt ?? ''}`);
        const answer = left.shift();
        if (typeof answer === 'string') assert.equal(validate?.(answer) ?? null, null, answer);
        return Promise.resolve(answer);
      },
      pickMany: unasked,
      confirm: unasked,
      inform: unasked,
      warn: unasked,
      error: unasked,
    },
  };
}

const procedure = makeProcedure({
  optionsSchema: {
    type: 'object',
    required: ['target'],
    properties: {
      force: { type: 'boolean', default: false, description: 'Whether it is due or not' },
      days: { type: 'integer', minimum: 1 },
      target: { type: 'string', minLength: 1, description: 'Where to' },
    },
  },
});

function ask(...answers: Answer[]): { readonly reply: ReturnType<typeof askOptions>; readonly asked: string[] } {
  const { dialogs, asked } = dialogsThat(answers);
  return { reply: askOptions({ dialogs, title: 'Rotate', procedure, options: {} }), asked };
}

describe('asking for the options of a procedure', () => {
  it('asks for what is needed, shows the rest with its defaults, and runs', async () => {
    const { reply, asked } = ask('/srv', 'Run…');
    assert.deepEqual(await reply, { options: { target: '/srv' }, dryRun: false });
    assert.deepEqual(asked, [
      'Rotate: Target: Where to: text',
      'Rotate: Dry Run [prints what it would do, then offers to do it], Run… [changes the host, after a question], Target [/srv], Force [no (default)], Days [not set], Reset Options []',
    ]);
  });

  it('takes values, leaves out what was emptied, and goes back without losing the others', async () => {
    const { reply } = ask('/srv', 'Force', 'Yes', 'Days', '3', 'Days', back, 'Days', '', 'Dry Run');
    assert.deepEqual(await reply, { options: { target: '/srv', force: true }, dryRun: true });
  });

  it('asks again for what is needed after a reset, and gives up or goes back when the person does', async () => {
    const { reply } = ask('/srv', 'Reset Options', 'Run…', '/opt', 'Run…');
    assert.deepEqual(await reply, { options: { target: '/opt' }, dryRun: false });
    assert.equal(await ask('/srv', undefined).reply, undefined);
    assert.equal(await ask('/srv', back).reply, back);
    assert.equal(await ask(undefined).reply, undefined);
  });

  it('offers no dry run of what only looks', async () => {
    const { dialogs, asked } = dialogsThat(['Run…']);
    const looks = makeProcedure({ changes: false });
    await askOptions({ dialogs, title: 'Look', procedure: looks, options: {} });
    assert.deepEqual(asked, ['Look: Run… [only looks]']);
  });

  it('lets the person pick among the values that exist on the host, write another, or leave it out', async () => {
    const restore = makeProcedure({
      changes: false,
      optionsSchema: { type: 'object', properties: { date: { type: 'string', pattern: '^\\d{8}$' } } },
    });
    const known = {
      date: [
        { value: '20240116', description: 'of the 16th' },
        { value: '20240115', description: '' },
      ],
    };
    const answers = async (...given: Answer[]) => {
      const { dialogs, asked } = dialogsThat(['Date', ...given, 'Run…']);
      const options = { date: '20231231' };
      const reply = await askOptions({ dialogs, title: 'Restore', procedure: restore, options, known });
      return { reply, asked };
    };
    const { reply, asked } = await answers('20240115');
    assert.deepEqual(reply, { options: { date: '20240115' }, dryRun: false });
    assert.equal(asked[1], 'Restore: Date: 20240116 [of the 16th], 20240115 [], Leave it out [], Another… []');
    assert.deepEqual((await answers('Another…', '20200229')).reply, { options: { date: '20200229' }, dryRun: false });
    assert.deepEqual((await answers('Leave it out')).reply, { options: {}, dryRun: false });
  });
});
