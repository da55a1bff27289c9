/** What is about to be done to tables that are due and to backends, as their database tells it. */
import type { Config } from '../../config/schema.ts';
import { bytesText } from './bytesText.ts';
import { lockedRelations, readCatalogue } from './catalogue.ts';
import { vacuumDue } from './due.ts';
import type { Ending } from './endBackend.ts';
import { counted, printable } from './names.ts';
import { ask } from './relationImpact.ts';
import { findBackend } from './sessions.ts';
import { listTables } from './tables.ts';
import { resolveTargets } from './target.ts';

/** How many tables each database has to vacuum, how large they are, and where. */
export async function vacuumImpact(names: readonly string[] | undefined, config: Config): Promise<string> {
  const sentences = await Promise.all(
    resolveTargets(config, process.env, names).map((target) =>
      'parameters' in target
        ? ask(target.parameters, config, 'tables with dead rows are vacuumed.', async (session, place) => {
            const due = vacuumDue(await listTables(session), config.database, new Date());
            const [size] = await readCatalogue<{ bytes: number }>(
              session,
              `with ${lockedRelations} select coalesce(sum(pg_catalog.pg_relation_size(c.oid)), 0)::float8 as bytes
               from pg_catalog.pg_class c where c.oid = any ($1::oid[]) and c.oid not in (select relation from locked)`,
              [due.map(({ oid }) => oid)],
            );
            return [`VACUUM of ${counted(due.length, 'table')} (${bytesText(size?.bytes ?? 0)}) on ${place}.`];
          })
        : Promise.resolve([target.problem]),
    ),
  );
  return sentences.flat().join(' ');
}

/** Whose backend it is, what that is doing, and on which server. */
export async function backendImpact(
  how: Ending,
  pid: number,
  names: readonly string[] | undefined,
  config: Config,
): Promise<string> {
  const effect =
    how === 'terminate'
      ? 'its transaction is rolled back and its client loses the connection'
      : 'its client gets an error, its session goes on';
  const what = how === 'terminate' ? `Terminates backend ${pid}` : `Cancels what backend ${pid} is running`;
  const [target] = resolveTargets(config, process.env, names);
  if (target === undefined || !('parameters' in target)) return `${what}: ${effect}.`;
  const sentences = await ask(target.parameters, config, `${what}: ${effect}.`, async (session, place) => {
    const found = await findBackend(session, pid);
    if (found === null) return [`There is no backend ${pid} on ${place}.`];
    const who = [`user ${printable(found.user ?? '?')}`, printable(found.application), found.client ?? ''];
    const doing = found.state === null ? '' : `, ${found.state} for ${Math.round(found.seconds)} s`;
    return [`${what} (${who.filter((text) => text !== '').join(', ')}${doing}) on ${place}: ${effect}.`];
  });
  return sentences.join(' ');
}
