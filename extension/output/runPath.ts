/** Addresses of runs in the editor: `upkeep-output:/HOST/RUN/TASK.log` and the like. */

const longestName = 100;

/** Path of a document about a run; `extension` without the dot. */
export function runPath(host: string, runId: string, task: string, extension: string): string {
  const name = task.replace(/[^\p{L}\p{N}._ ·-]+/gu, '-').slice(0, longestName);
  return `/${encodeURIComponent(host)}/${encodeURIComponent(runId)}/${name}.${extension}`;
}

/** Name of the output of a block: that of its runbook, then where the block stands in it (`Table bloat · Look`). */
export function blockName(runbook: string, heading: string | null, index: number): string {
  const title = runbook.slice(runbook.lastIndexOf('/') + 1).replace(/\.md$/i, '');
  return `${title} · ${heading === null || heading === title ? `block ${index + 1}` : heading}`;
}

/** Null when it is no such path. */
export function parseRunPath(path: string): { readonly host: string; readonly runId: string } | null {
  const [, host = '', runId = '', name, ...more] = path.split('/');
  if (host === '' || runId === '' || name === undefined || more.length > 0) return null;
  try {
    return { host: decodeURIComponent(host), runId: decodeURIComponent(runId) };
  } catch {
    return null;
  }
}
