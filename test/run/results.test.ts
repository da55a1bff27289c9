import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding, Progress } from '../../agent/protocol/nouns.ts';
import { ResultsReader } from '../../agent/run/results.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';

const finding = { type: 'finding', level: 'warning', code: 'a.b', subject: 's', message: 'm' };
const line = (item: unknown): string => `${JSON.stringify(item)}\n`;

describe('results of a run', () => {
  let folder: string;
  let file: string;
  let reader: ResultsReader;
  let findings: Finding[];
  let progresses: Progress[];
  let told: () => void;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-results-'));
    file = join(folder, 'results.ndjson');
    writeFileSync(file, '');
    findings = [];
    progresses = [];
    told = () => undefined;
    reader = new ResultsReader(
      file,
      {
        finding: (item) => {
          findings.push(item);
          told();
        },
        progress: (item) => progresses.push(item),
      },
      new Secrets(['planted-secret']),
    );
  });
  afterEach(() => {
    reader.stop();
    rmSync(folder, { recursive: true });
  });

  it('V05: are taken line by line, masked, and the last result counts', () => {
    appendFileSync(
      file,
      line({ ...finding, message: 'key planted-secret' }) +
        line({ type: 'progress', done: 1, total: 2, message: 'planted-secret' }) +
        line({ type: 'result', outcome: 'unchanged', part: {} }) +
        line({ type: 'result', outcome: 'changed', part: { key: 'planted-secret' } }),
    );
    reader.read();
    assert.deepEqual(findings, [{ level: 'warning', code: 'a.b', subject: 's', message: 'key **************' }]);
    assert.deepEqual(progresses, [{ done: 1, total: 2, message: '**************' }]);
    assert.deepEqual([reader.end?.outcome, reader.end?.part, reader.refused], ['changed', { key: '*'.repeat(14) }, 0]);
  });

  it('are put together when a line comes in pieces, and each is taken once', () => {
    const text = line(finding);
    appendFileSync(file, text.slice(0, 10));
    reader.read();
    assert.deepEqual(findings, []);
    appendFileSync(file, text.slice(10));
    reader.read();
    reader.read();
    assert.equal(findings.length, 1);
  });

  it('count lines that are not understood, and pass by empty ones', () => {
    appendFileSync(
      file,
      `\n  \n{\n[]\n${line({ ...finding, level: 'loud' })}${line({ type: 'result', outcome: 'lost', part: {} })}`,
    );
    appendFileSync(file, line(finding));
    reader.read();
    assert.deepEqual([reader.refused, findings.length, reader.end], [4, 1, null]);
  });

  it('do not fill the memory with a line that never ends', () => {
    writeFileSync(file, Buffer.alloc(5 * 1024 * 1024, 'x'));
    reader.read();
    assert.equal(reader.refused, 1);
    appendFileSync(file, `\n${line(finding)}`);
    reader.read();
    assert.deepEqual([reader.refused, findings.length], [2, 1]);
  });

  it('are told while the run goes on', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    told = () => {
      resolve(undefined);
    };
    reader.follow();
    appendFileSync(file, line(finding));
    await promise;
    assert.equal(findings.length, 1);
  });

  it('that are gone are no results', () => {
    rmSync(file);
    reader.follow();
    reader.readIfThere();
    assert.deepEqual([findings, reader.end, reader.refused], [[], null, 0]);
  });

  it('are not read through a link that the run has put in their place', () => {
    rmSync(file);
    writeFileSync(join(folder, 'elsewhere'), line(finding));
    symlinkSync(join(folder, 'elsewhere'), file);
    assert.throws(() => {
      reader.readIfThere();
    }, /ELOOP/);
    assert.deepEqual(findings, []);
  });
});
