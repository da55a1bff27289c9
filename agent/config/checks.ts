/** `checks`: each with a procedure that only looks, and options in its own words. */
import { procedureOptions, unknownProcedure, type Procedures } from './action.ts';
import { follow, withEffect } from './issues.ts';
import type { CheckConfig } from './schema.ts';
import { Notes, type Remark } from './remark.ts';
import type { LoadedSections } from './sections.ts';
import type { Tree } from './tree.ts';

/** Checks with the procedure's own name and camelCase options; a refused one is left out. Undefined when the file names none. */
export function loadChecks(
  sections: LoadedSections,
  procedures: Procedures,
): { readonly checks: CheckConfig[] | undefined; readonly remarks: readonly Remark[] } {
  const notes = new Notes(null);
  const list = sections.trees.get('checks');
  const names = new Set<string>();
  const checks = sections.values.checks?.flatMap((check, index) => {
    const tree = list?.kind === 'list' ? list.items[index] : undefined;
    if (tree === undefined) return [];
    const loaded = names.has(check.name) ? duplicate(check, tree, notes) : loadCheck(check, tree, procedures, notes);
    names.add(check.name);
    return loaded === null ? [] : [loaded];
  });
  return { checks, remarks: notes.remarks };
}

function duplicate(check: CheckConfig, tree: Tree, notes: Notes): null {
  const message = `there is a check \`${check.name}\` already: give this one another name; it is left out`;
  notes.error(follow(tree, ['name'])?.offset ?? tree.offset, 'duplicate-check', message);
  return null;
}

function loadCheck(check: CheckConfig, tree: Tree, procedures: Procedures, notes: Notes): CheckConfig | null {
  const offset = follow(tree, ['procedure'])?.offset ?? tree.offset;
  const procedure = procedures.get(check.procedure);
  if (procedure === undefined) {
    notes.error(
      offset,
      'unknown-procedure',
      withEffect(unknownProcedure(check.procedure, procedures), 'the check is left out'),
    );
    return null;
  }
  if (procedure.changes) {
    const message = `${procedure.name} changes things, a check must not: make it a task; the check is left out`;
    notes.error(offset, 'check-changes', message);
    return null;
  }
  const node = follow(tree, ['options']);
  const options = procedureOptions(procedure, node?.kind === 'map' ? node : null, notes);
  return options === null ? null : { ...check, procedure: procedure.name, options };
}
