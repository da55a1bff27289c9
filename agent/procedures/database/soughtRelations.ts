/** Tables or indexes asked for by name in one database or several: each must be in one of them at least. */
import type { ProcedureContext } from '../define.ts';
import { printable } from './names.ts';
import type { DatabaseRun } from './run.ts';

export class SoughtRelations {
  readonly #kind: 'table' | 'index';
  readonly #names: readonly string[];
  readonly #missing = new Map<string, string[]>();
  #visited = 0;

  constructor(kind: 'table' | 'index', names: readonly string[]) {
    this.#kind = kind;
    this.#names = [...new Set(names)];
  }

  /** Which of them there are not in the run's database. */
  note({ session }: DatabaseRun, missing: readonly string[]): void {
    this.#visited++;
    for (const name of missing)
      this.#missing.set(name, [...(this.#missing.get(name) ?? []), printable(session.target.name)]);
  }

  /** When all databases were visited: a name that none of them has is a failure, one that some have not is worth knowing. */
  report(context: ProcedureContext): void {
    for (const name of this.#names) {
      const databases = this.#missing.get(name) ?? [];
      if (databases.length === 0) continue;
      const subject = printable(name);
      const nowhere = databases.length === this.#visited;
      const advice = nowhere ? `; write schema.${this.#kind}, in double quotes where SQL needs them` : '';
      context.finding({
        level: nowhere ? 'critical' : 'info',
        code: 'database.no_such_relation',
        subject,
        message: `There is no ${this.#kind} ${subject} in ${databases.join(', ')}${advice}.`,
      });
    }
  }
}
