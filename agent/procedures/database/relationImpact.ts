/** What is about to be done to named tables and indexes, with lock level, size and place, as far as their database tells. */
import type { Config } from '../../config/schema.ts';
import { bytesText } from './bytesText.ts';
import { openSession, type DatabaseSession } from './connection.ts';
import type { MonthlyMaintenanceOptions } from './databaseMonthlyMaintenance.ts';
import { findIndexes, listIndexes } from './indexes.ts';
import { printable } from './names.ts';
import { lockText } from './rebuild.ts';
import { namedTargets } from './rebuildTargets.ts';
import { rebuildTools, toolFor } from './rebuildTool.ts';
import { describeTarget, resolveTargets, type ConnectionParameters } from './target.ts';

/** `where`: the databases in words. */
export async function monthlyImpact(given: MonthlyMaintenanceOptions, where: string, config: Config): Promise<string> {
  const { tables, force = false, removeOrphans = false } = given;
  const window = force
    ? 'VACUUM FULL runs now, outside of a maintenance window too.'
    : 'VACUUM FULL runs inside an open maintenance window only, else it is left out.';
  if (tables !== undefined) {
    const sentences = await Promise.all(
      resolveTargets(config, process.env, given.database).map((target) =>
        'parameters' in target ? tablesImpact(target.parameters, tables, config) : Promise.resolve([target.problem]),
      ),
    );
    return [...sentences.flat(), window].join(' ');
  }
  return (
    `In ${where}: bloated tables are written anew, by REPACK (CONCURRENTLY) or pg_repack where the server has them while reads and ` +
    'writes go on, else by VACUUM FULL under ACCESS EXCLUSIVE: reads and writes of that table wait until it is done. ' +
    `${window} All indexes are rebuilt by REINDEX CONCURRENTLY and all tables analysed: reads and writes go on. ` +
    'The size of each table with its indexes must be free on the disk.' +
    (removeOrphans ? ' Large objects that no column of type oid or lo refers to are removed for good.' : '')
  );
}

/** Sentences for the indexes that are rebuilt. */
export async function indexesImpact(
  names: readonly string[],
  databases: readonly string[] | undefined,
  config: Config,
): Promise<string> {
  const how = 'built anew beside the old one under SHARE UPDATE EXCLUSIVE: reads and writes go on, schema changes wait';
  const sentences = await Promise.all(
    resolveTargets(config, process.env, databases).map((target) =>
      'parameters' in target
        ? ask(target.parameters, config, `${names.map(printable).join(', ')}: ${how}.`, async (session, place) => {
            const { found, missing } = await findIndexes(session, await listIndexes(session), names);
            return [
              ...found.map(
                (index) =>
                  `REINDEX CONCURRENTLY of ${printable(index.relation)} (${bytesText(index.bytes)}) of ${printable(index.table)} on ${place}: ${how}.`,
              ),
              ...missing.map((name) => `There is no index ${printable(name)} on ${place}.`),
            ];
          })
        : Promise.resolve([target.problem]),
    ),
  );
  return sentences.flat().join(' ');
}

async function tablesImpact(
  parameters: ConnectionParameters,
  names: readonly string[],
  config: Config,
): Promise<string[]> {
  const otherwise = `${names.map(printable).join(', ')}: written anew, at worst under ACCESS EXCLUSIVE: reads and writes wait until it is done.`;
  return ask(parameters, config, otherwise, async (session, place, signal) => {
    const tools = await rebuildTools({ session, context: { env: process.env, signal } });
    const { found, missing } = await namedTargets(session, names);
    return [
      ...found.map((table) => {
        const tool = toolFor(tools, table);
        return `${tool.name} of ${printable(table.relation)} (${bytesText(table.bytes)} with its indexes) on ${place}: ${lockText[tool.name]}.`;
      }),
      ...missing.map((name) => `There is no table ${printable(name)} on ${place}.`),
    ];
  });
}

/** What the database says; `otherwise` when it does not answer in time. */
export async function ask(
  parameters: ConnectionParameters,
  config: Config,
  otherwise: string,
  question: (session: DatabaseSession, place: string, signal: AbortSignal) => Promise<string[]>,
): Promise<string[]> {
  const place = describeTarget(parameters);
  const signal = AbortSignal.timeout(patience);
  try {
    const settings = { ...config.database, connect_timeout: Math.min(config.database.connect_timeout, patience) };
    const session = await openSession(parameters, { settings, signal, readOnly: true });
    try {
      return await question(session, place, signal);
    } finally {
      await session.close();
    }
  } catch {
    return [`On ${place}, which does not answer now: ${otherwise}`];
  }
}

/** Milliseconds; a person waits for the answer. */
const patience = 3_000;
