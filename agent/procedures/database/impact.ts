/** Words for what a procedure of this area is about to do to which databases. Light: definitions use them. */
import type { Config } from '../../config/schema.ts';

/** `database shop`, `databases shop and stock`, `all configured databases (shop, stock)`. */
export function databasesText(names: readonly string[] | undefined, config: Config): string {
  const [only, ...others] = names ?? config.databases.map((one) => one.name);
  if (only === undefined) return 'the database that PG* variables name';
  if (names === undefined && others.length > 0) return `all configured databases (${[only, ...others].join(', ')})`;
  return others.length === 0 ? `database ${only}` : `databases ${[only, ...others].join(', ')}`;
}
