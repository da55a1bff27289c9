/** Writes a table anew without its dead space, by the gentlest tool there is; proven by a new file that is no larger. */
import { bytesText } from './bytesText.ts';
import { carryOut } from './carryOut.ts';
import { hasRoom } from './diskSpace.ts';
import { lockoutRefusal } from './lockout.ts';
import { printable } from './names.ts';
import { tableFile, type RebuildTarget, type TableFile } from './rebuildTargets.ts';
import { toolFor, type RebuildTool, type RebuildTools } from './rebuildTool.ts';
import { dropRemains, repackTable } from './repackProgram.ts';
import { relationFinding, subjectOf, type DatabaseRun } from './run.ts';
import type { Step } from './steps.ts';

export interface Rebuilding {
  readonly tools: RebuildTools;
  /** VACUUM FULL outside of a window too. */
  readonly force: boolean;
}

export function rebuildStep(run: DatabaseRun, table: RebuildTarget, rebuilding: Rebuilding): Step {
  const tool = toolFor(rebuilding.tools, table);
  return {
    message: `${tool.name} ${subjectOf(run, table.relation)}`,
    work: (worker) => rebuild(worker, table, tool, rebuilding.force),
  };
}

async function rebuild(run: DatabaseRun, table: RebuildTarget, tool: RebuildTool, force: boolean): Promise<void> {
  const { relation, oid, bytes } = table;
  if (table.kind === 'partitioned table' || table.kind === 'other') {
    const what = table.kind === 'other' ? 'is no table' : 'is partitioned: name its partitions';
    relationFinding(run, relation, {
      level: 'warning',
      code: 'database.no_such_relation',
      text: (subject) => `${subject} ${what}.`,
    });
    return;
  }
  const sql = statementOf(tool, relation);
  if (tool.name === 'VACUUM FULL') {
    const refusal = lockoutRefusal(run.context, force);
    if (refusal !== null) {
      refuse(run, table, sql, `${refusal}, and ${tool.because}`);
      return;
    }
  }
  // pg_repack keeps the copy, its log and both sets of indexes.
  if (!(await hasRoom(run, { verb: tool.name, relation, oid, bytes }))) return;
  await carryOut(run, {
    verb: tool.name,
    sql,
    oid,
    relation,
    allowed: table.allowed,
    before: measures(table),
    plan: `${lockText[tool.name]}; ${bytesText(bytes)} with its indexes`,
    ...(tool.name === 'pg_repack'
      ? { execute: () => repackTable(run, tool.program, table), cleanUp: () => dropRemains(run, oid) }
      : {}),
    verify: async () => {
      const after = await tableFile(run.session, oid);
      if (after === null) return { after: {}, reported: true, proven: false };
      // A load that writes meanwhile may make it larger again than it was.
      return { after: measures(after), reported: true, proven: after.fileNode !== table.fileNode };
    },
    unproven: () => {
      relationFinding(run, relation, {
        level: 'warning',
        code: 'database.rebuild',
        text: (subject) => `${subject} is not rebuilt after ${tool.name}: it has its old file; see the server's log.`,
      });
      return Promise.resolve();
    },
  });
}

/** The very statement, or what is called. */
function statementOf(tool: RebuildTool, relation: string): string {
  switch (tool.name) {
    case 'REPACK (CONCURRENTLY)':
      return `REPACK (CONCURRENTLY, ANALYZE) ${relation}`;
    case 'pg_repack':
      return `pg_repack --no-order --table=${relation}`;
    case 'VACUUM FULL':
      return `VACUUM (FULL, ANALYZE) ${relation}`;
  }
}

/** What others notice of it. */
export const lockText: Readonly<Record<RebuildTool['name'], string>> = {
  'REPACK (CONCURRENTLY)': 'reads and writes go on; a short ACCESS EXCLUSIVE lock at the end',
  pg_repack: 'reads and writes go on; short ACCESS EXCLUSIVE locks at start and end',
  'VACUUM FULL': 'ACCESS EXCLUSIVE: reads and writes wait until it is done',
};

function refuse(run: DatabaseRun, table: RebuildTarget, sql: string, why: string): void {
  const { relation, bytes } = table;
  const database = run.session.target.name;
  relationFinding(run, relation, {
    level: 'warning',
    code: 'database.window',
    value: bytes,
    unit: 'bytes',
    text: (subject) =>
      `VACUUM FULL of ${subject} (${bytesText(bytes)}) is left out: it locks readers and writers out, ${why}; run it in a maintenance window, or with --force.`,
    remedy: {
      procedure: 'database-monthly-maintenance',
      options: { database, tables: [relation], force: true },
      title: `VACUUM FULL ${printable(relation)} now`,
    },
  });
  const rest = {
    seconds: 0,
    status: 'skipped' as const,
    reason: why,
    before: measures(table),
    after: {},
    verified: false,
  };
  run.action({ database, statement: sql, relation, ...rest });
}

function measures({ bytes, fileNode, dead }: TableFile) {
  return { bytes, fileNode, deadTuples: dead };
}
