/** Which diagnostics of a configuration file are shown beside those of other extensions. Pure. */
import type { Diagnostic } from '../agent/protocol/nouns.ts';

/** 0-based, as editors count. */
export interface ForeignProblem {
  readonly source: string;
  readonly startLine: number;
  readonly startColumn: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** What a YAML language server says: of syntax (`YAML`), or by our own schema (`yaml-schema: maintenance.yaml`). */
const yamlSource = /^yaml(?:-schema\b.*)?$/i;

/** Of several agents that read the same file, and a YAML language server that checks it by our schema, each problem once. */
export function withoutDuplicates(
  diagnostics: readonly Diagnostic[],
  foreign: readonly ForeignProblem[],
): readonly Diagnostic[] {
  const others = foreign.filter(({ source }) => yamlSource.test(source));
  const seen = new Set<string>();
  return diagnostics.filter((one) => {
    const key = JSON.stringify([one.line, one.column, one.code, one.message]);
    if (seen.has(key)) return false;
    seen.add(key);
    return !others.some((other) => isAt(other, one));
  });
}

function isAt(other: ForeignProblem, { line, column }: Diagnostic): boolean {
  const ours = line - 1;
  // A problem of a whole block (a key that is missing) is one of its first line.
  if (other.startLine !== other.endLine) return other.startLine === ours;
  return other.startLine === ours && column - 1 >= other.startColumn && column - 1 <= other.endColumn;
}
