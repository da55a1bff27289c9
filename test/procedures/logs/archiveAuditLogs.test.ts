import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { z } from 'zod';
import type { logAudit } from '../../../agent/config/logs.ts';
import { archiveAuditLogs } from '../../../agent/procedures/logs/archiveAuditLogs.ts';
import { part as auditPart } from '../../../agent/procedures/logs/archiveAuditLogsWork.ts';
import { appendAudit, auditHash, verifyAudit } from '../../../agent/store/audit.ts';
import { auditRow } from '../../../agent/store/copies.ts';
import { Database } from '../../../agent/store/database.ts';
import { storeFile } from '../../../agent/store/openStore.ts';
import { contextFor, createArchiveHarness, dayMs } from './archiveHarness.ts';
import type { ArchiveHarness } from './archiveHarness.ts';

describe('archive-audit-logs', () => {
  let harness: ArchiveHarness;
  let memory: string;
  /** As a running agent has it. */
  let database: Database;
  beforeEach(async () => {
    harness = await createArchiveHarness();
    memory = path.join(harness.memory, 'memory', 'archive-audit-logs');
    await mkdir(memory, { recursive: true, mode: 0o700 });
    database = new Database(storeFile(harness.memory));
  });
  afterEach(async () => {
    database.close();
    await harness.remove();
  });

  function append(count: number, days: number): void {
    for (let index = 0; index < count; index += 1) {
      const at = Date.now() - days * dayMs;
      appendAudit(database, { at, actor: 'a', action: 'b', target: String(index), reason: null, detail: {} });
    }
  }

  async function run(audit: z.input<typeof logAudit> = {}, dryRun = false) {
    const logs = { archive: { destination: harness.destination }, audit };
    const { context, findings } = contextFor(logs, { ...harness, memory }, { dryRun });
    const result = await archiveAuditLogs.execute({}, context);
    return { outcome: result.outcome, findings, ...auditPart.parse(result.part) };
  }

  async function archivedRows() {
    const texts = [...(await harness.unpacked()).values()].join('').trim().split('\n');
    return texts.map((line) => auditRow.parse(JSON.parse(line))).sort((one, other) => one.seq - other.seq);
  }

  it('copies old entries beside the open store, each once, and the copies are one chain', async () => {
    append(1200, 120);
    append(5, 1);
    const first = await run();
    assert.equal(first.outcome, 'changed', JSON.stringify(first.findings));
    assert.deepEqual(first.audit, { entries: 1205, brokenAt: null, archivedThrough: 1200, due: 1200 });
    assert.equal((await run()).outcome, 'unchanged');
    const second = await run({ days: 0 });
    assert.equal(second.audit?.archivedThrough, 1205);
    const rows = await archivedRows();
    assert.deepEqual(
      rows.map(({ seq }) => seq),
      Array.from({ length: 1205 }, (_, index) => index + 1),
    );
    for (const [index, row] of rows.entries()) {
      assert.equal(row.hash, auditHash(row));
      assert.equal(row.previous, rows[index - 1]?.hash ?? '0'.repeat(64));
    }
    append(1, 0);
    assert.deepEqual(verifyAudit(database), { entries: 1206, brokenAt: null });
  });

  it('archives nothing of a log whose chain is broken, nor of one that goes on differently than the archive', async () => {
    append(3, 120);
    await run();
    append(3, 120);
    database.change("UPDATE audit SET actor = 'somebody else' WHERE seq = 5");
    const broken = await run();
    assert.equal(broken.outcome, 'failed');
    assert.match(broken.findings[0]?.message ?? '', /entry 5 does not fit/);
    assert.equal((await archivedRows()).length, 3);
    database.change('DELETE FROM audit');
    database.change("DELETE FROM sqlite_sequence WHERE name = 'audit'");
    append(9, 120);
    const replaced = await run();
    assert.equal(replaced.outcome, 'failed');
    assert.match(
      replaced.findings[0]?.message ?? '',
      /Entry 3 of the audit log is another than the one that was archived in .*audit-/,
    );
    assert.equal((await archivedRows()).length, 3);
  });

  it('moves rotated generations of configured audit logs, and never those whose chain is broken', async () => {
    append(2, 120);
    const rows = database.all('SELECT seq, at, actor, action, target, reason, detail, previous, hash FROM audit');
    const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    await harness.old('audit.log.1', text, 120);
    await harness.old('audit.log.2', text.replace('"target":"1"', '"target":"7"'), 120);
    await harness.old('audit.log.3', 'type=SYSCALL msg=audit(1:2): of another kind\n', 120);
    const outcome = await run({ paths: [harness.file('audit.log')] });
    assert.equal(outcome.outcome, 'warning', JSON.stringify(outcome.findings));
    assert.deepEqual(await harness.names(), ['audit.log.2']);
  });

  it('changes nothing in a dry run', async () => {
    append(2, 120);
    assert.equal((await run({}, true)).outcome, 'unchanged');
    assert.deepEqual(await harness.archived(), []);
  });
});
