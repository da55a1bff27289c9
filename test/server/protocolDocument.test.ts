import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { closeCodes, errorCodes, finalCloseCodes, finalHttpStatuses } from '../../agent/protocol/errors.ts';
import { eventSchemas } from '../../agent/protocol/events.ts';
import {
  maxAnswerBytes,
  maxMessageBytes,
  maxOpenRequests,
  maxOutputBytes,
  maxWaitingReads,
  methods,
  protocolVersion,
} from '../../agent/protocol/methods.ts';
import { defaultLimits } from '../../agent/server/limits.ts';
import { capabilities } from '../../agent/server/session.ts';

const text = readFileSync(new URL('../../PROTOCOL.md', import.meta.url), 'utf8');

describe('PROTOCOL.md', () => {
  it('lists every method with its role and summary', () => {
    assert.deepEqual(
      tableUnder('## 4. Methods'),
      Object.entries(methods).map(([name, { role, summary }]) => [name, role, summary]),
    );
  });

  it('lists every event with the keys of its data', () => {
    assert.deepEqual(
      tableUnder('## 5. Events and replay'),
      Object.entries(eventSchemas).map(([name, schema]) => [name, Object.keys(schema.shape).join(', ')]),
    );
  });

  it('lists every error with its code', () => {
    assert.deepEqual(
      tableUnder('## 7. Errors').map(([name, code]) => [name, Number(code)]),
      Object.entries(errorCodes),
    );
  });

  it('lists every close code and which of them are final', () => {
    assert.deepEqual(
      tableUnder('## 8. Close codes').map(([name, code, final]) => [name, Number(code), final]),
      Object.entries(closeCodes).map(([name, code]) => [name, code, finalCloseCodes.has(code) ? 'yes' : 'no']),
    );
    const statuses = [...finalHttpStatuses].join(', ').replace(/, (\d+)$/, ' and $1');
    assert.ok(text.includes(`refused upgrade ${statuses} are final`));
  });

  it('names the version, the capabilities and the limits in force', () => {
    const facts = [
      `Protocol version ${protocolVersion}.`,
      `"capabilities":${JSON.stringify(capabilities)}`,
      `at most ${maxMessageBytes / 1024 ** 2} MiB (\`maxMessageBytes\`)`,
      `at most ${maxAnswerBytes / 1024 ** 2} MiB (\`maxAnswerBytes\`)`,
      `At most ${maxOpenRequests} requests may be unanswered`,
      `${maxWaitingReads} reads that wait for output (\`maxWaitingReads\`)`,
      `at most ${maxOutputBytes / 1024} KiB) as \`text\``,
      `within ${defaultLimits.helloMs / 1000} s of the upgrade`,
      `pings every ${defaultLimits.heartbeatMs / 1000} s`,
      `${defaultLimits.sessions} clients are connected`,
      `more than ${defaultLimits.unauthenticated} TCP connections`,
      `headers within ${defaultLimits.headersMs / 1000} s`,
    ];
    for (const fact of facts) assert.ok(text.includes(fact), `missing: ${fact}`);
  });
});

/** Cells of the rows of the first table under a heading that start with a name in backticks; backticks left out where a cell holds names alone. */
function tableUnder(heading: string): readonly (readonly string[])[] {
  const section = text.split(`${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => (/^(`[^`]+`(, )?)+$/.test(cell) ? cell.replaceAll('`', '') : cell)),
    );
}
