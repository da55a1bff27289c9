/** Carries one recommendation out, or takes it back, and reads from the server whether it holds. */
import { carryOut, type Effect } from './carryOut.ts';
import { printable } from './names.ts';
import type { Recommendation } from './recommendations.ts';
import { relationFinding, type DatabaseRun } from './run.ts';
import type { Step } from './steps.ts';

export interface Bookkeeping {
  readonly before: () => Promise<void>;
  /** `done`: the statement was carried out. */
  readonly after: (done: boolean) => Promise<void>;
}

export function applyStep(recommendation: Recommendation, back: boolean, book: Bookkeeping): Step {
  const sql = (back ? recommendation.undo : recommendation.sql).trim().replace(/;$/, '');
  return {
    message: `${back ? 'taking back' : 'applying'} ${printable(recommendation.id)}`,
    work: (worker) => apply(worker, recommendation, sql, back, book),
  };
}

async function apply(
  run: DatabaseRun,
  recommendation: Recommendation,
  sql: string,
  back: boolean,
  book: Bookkeeping,
): Promise<void> {
  const { id, title, restart, setting } = recommendation;
  const before = await readState(run, recommendation);
  if (!run.context.dryRun) await book.before();
  const action = await carryOut(run, {
    verb: back ? 'The undo' : 'The change',
    sql,
    oid: '0',
    relation: id,
    allowed: true,
    rights: 'run this as a superuser, or as the owner of what is changed',
    before,
    plan: `${title}${restart ? '; holds after a restart of the server' : ''}`,
    verify: async () => verify(run, recommendation, before, back),
    unproven: () => {
      const wanted = setting === null ? '' : ` (${setting.name} = ${back ? setting.from : setting.to})`;
      relationFinding(run, id, {
        level: 'warning',
        code: 'database.recommendation',
        text: (subject) =>
          `${subject}${wanted} was carried out, but the server does not show it; look for what overrides it.`,
      });
      return Promise.resolve();
    },
  });
  if (action === null || action.status === 'planned') return;
  await book.after(action.status === 'done');
  if (action.status === 'done' && restart) {
    relationFinding(run, id, {
      level: 'info',
      code: 'database.restart',
      text: (subject) => `${subject} holds after the next restart of the server.`,
    });
  }
}

/** Of a setting of the server its value, else a digest of what such statements change in the catalogue. */
async function readState(
  { session }: DatabaseRun,
  { setting, scope }: Pick<Recommendation, 'setting' | 'scope'>,
): Promise<Readonly<Record<string, string | null>>> {
  if (setting !== null && scope === 'server') {
    const rows = await session.query<{ value: string | null; pending: boolean }>(
      `select pg_catalog.current_setting($1, true) as value,
         coalesce((select pending_restart from pg_catalog.pg_settings where name = lower($1)), false) as pending`,
      [setting.name],
    );
    return { value: rows[0]?.value ?? null, pendingRestart: rows[0]?.pending === true ? 'yes' : 'no' };
  }
  const rows = await session.query<{ digest: string }>(`
    select md5(concat_ws('/',
      (select string_agg(concat_ws(' ', oid, reloptions), ',' order by oid) from pg_catalog.pg_class where oid >= 16384),
      (select string_agg(concat_ws(' ', attrelid, attnum, attstattarget, attoptions), ',' order by attrelid, attnum)
       from pg_catalog.pg_attribute where attrelid >= 16384 and attnum > 0),
      (select string_agg(concat_ws(' ', setdatabase, setrole, setconfig), ',' order by setdatabase, setrole) from pg_catalog.pg_db_role_setting),
      (select string_agg(concat_ws(' ', oid, extversion), ',' order by oid) from pg_catalog.pg_extension),
      (select string_agg(oid::text, ',' order by oid) from pg_catalog.pg_statistic_ext),
      (select string_agg(concat_ws(' ', indexrelid, indisvalid), ',' order by indexrelid) from pg_catalog.pg_index where indexrelid >= 16384))) as digest`);
  return { catalogue: rows[0]?.digest ?? null };
}

async function verify(
  run: DatabaseRun,
  recommendation: Recommendation,
  before: Readonly<Record<string, string | null>>,
  back: boolean,
): Promise<Effect> {
  const { setting, restart, scope } = recommendation;
  const ofServer = setting !== null && scope === 'server';
  if (ofServer) await run.session.query('select pg_catalog.pg_reload_conf()');
  const after = await readState(run, recommendation);
  if (!ofServer) {
    const changed = after['catalogue'] !== before['catalogue'];
    return { after, reported: true, proven: changed };
  }
  const holds = after['value'] === (back ? setting.from : setting.to);
  const waits = restart && after['pendingRestart'] === 'yes';
  return { after, reported: holds || waits, proven: holds || waits };
}
