/** A state folder whose store an agent has open, its audit log, and archives that archive-audit-logs makes of it. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { z } from 'zod';
import type { logAudit } from '../../../agent/config/logs.ts';
import { archiveAuditLogs } from '../../../agent/procedures/logs/archiveAuditLogs.ts';
import { part as auditPart } from '../../../agent/procedures/logs/archiveAuditLogsWork.ts';
import { namedPieces } from '../../../agent/procedures/logs/auditArchives.ts';
import type { AuditVerification } from '../../../agent/procedures/logs/auditJoin.ts';
import { trimAuditLog } from '../../../agent/procedures/logs/auditTrim.ts';
import type { Trimmed } from '../../../agent/procedures/logs/auditTrim.ts';
import { verifyAuditLog } from '../../../agent/procedures/logs/auditVerify.ts';
import { appendAudit, auditState } from '../../../agent/store/audit.ts';
import type { ChainLink } from '../../../agent/store/audit.ts';
import type { Database } from '../../../agent/store/database.ts';
import { openStore } from '../../../agent/store/openStore.ts';
import { contextFor, createArchiveHarness, dayMs } from './archiveHarness.ts';
import type { ArchiveHarness } from './archiveHarness.ts';

export interface AuditWorld extends ArchiveHarness {
  /** The state folder. */
  readonly state: string;
  readonly database: () => Database;
  /** Closes the store and opens it as a starting agent does. What it had to say is returned. */
  readonly reopen: () => string[];
  readonly append: (count: number, days: number) => void;
  readonly archiveAudit: (
    audit?: z.input<typeof logAudit>,
    more?: { readonly dryRun?: boolean; readonly compression?: 'zstd' | 'gzip' },
  ) => Promise<{ outcome: string; messages: string } & z.infer<typeof auditPart>>;
  readonly trim: (days?: number) => Promise<Trimmed>;
  readonly verify: (
    more?: Partial<Record<'folders' | 'files', readonly string[]>> & { heads?: readonly ChainLink[] },
  ) => Promise<AuditVerification>;
  /** Paths of the archives, in the order of their entries. */
  readonly archives: () => Promise<string[]>;
  /** One archive of so many old entries each, the store then trimmed when `trimmed`. */
  readonly fill: (counts: readonly number[], trimmed?: boolean) => Promise<void>;
}

export async function createAuditWorld(): Promise<AuditWorld> {
  const harness = await createArchiveHarness();
  const memory = path.join(harness.memory, 'memory', 'archive-audit-logs');
  await mkdir(memory, { recursive: true, mode: 0o700 });
  const state = harness.memory;
  let said: string[] = [];
  const open = (): Database => {
    said = [];
    return openStore({ directory: state, now: () => Date.now(), onRepair: (text) => said.push(text) });
  };
  let database = open();
  const { signal } = new AbortController();
  const world: AuditWorld = {
    ...harness,
    state,
    database: () => database,
    reopen: () => {
      database.close();
      database = open();
      return said;
    },
    append: (count, days) => {
      database.transaction(() => {
        for (let index = 0; index < count; index += 1) {
          const at = Date.now() - days * dayMs;
          appendAudit(database, { at, actor: 'a', action: 'b', target: String(index), reason: null, detail: {} });
        }
      });
    },
    archiveAudit: async (audit = {}, { dryRun = false, compression = 'zstd' } = {}) => {
      const logs = { archive: { destination: harness.destination, compression }, audit };
      const { context, findings } = contextFor(logs, { ...harness, memory }, { dryRun });
      const result = await archiveAuditLogs.execute({}, context);
      const messages = findings.map(({ level, message }) => `${level}: ${message}`).join('\n');
      return { outcome: result.outcome, messages, ...auditPart.parse(result.part) };
    },
    trim: (days = 100) =>
      trimAuditLog({
        ...{ database, signal, folder: harness.destination, now: () => Date.now() },
        chain: auditState(database),
        before: Date.now() - days * dayMs,
      }),
    verify: ({ folders = [harness.destination], files = [], heads = [] } = {}) =>
      verifyAuditLog({ state, folders, files, heads, signal }),
    archives: async () => (await namedPieces(harness.destination)).map(({ archive }) => archive),
    fill: async (counts, trimmed = false) => {
      for (const count of counts) {
        world.append(count, 120);
        const { outcome, messages } = await world.archiveAudit();
        assert.equal(outcome, 'changed', messages);
      }
      if (trimmed) assert.equal((await world.trim()).problem, null);
    },
    remove: async () => {
      database.close();
      await harness.remove();
    },
  };
  return world;
}
