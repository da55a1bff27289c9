/** Addresses of runs in the editor: `upkeep-output:/HOST/RUN/TASK.log` and the like. */

/** Path of a document about a run; `extension` without the dot. */
export function runPath(host: string, runId: string, task: string, extension: string): string {
  const name = task.replace(/[^A-Za-z0-9._ -]+/g, '-');
  return `/${encodeURIComponent(host)}/${encodeURIComponent(runId)}/${name}.${extension}`;
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
