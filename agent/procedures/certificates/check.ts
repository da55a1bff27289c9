/** The whole check: files and endpoints, each on its own, none waiting for another. */
import { createSecureContext } from 'node:tls';
import type { Endpoint } from '../../config/endpoints.ts';
import { type Analysis, analyse, type Material, type Yardstick } from './analyse.ts';
import { createListing } from './beside.ts';
import { concurrently } from './concurrently.ts';
import { checkEndpoint } from './endpoint.ts';
import { alternativeNames } from './names.ts';
import type { Pace } from './pace.ts';
import { loadTrustedRoots } from './roots.ts';
import type { OnDisk } from './served.ts';
import { readSourceFile } from './sourceFile.ts';
import { barren, expandPaths } from './sources.ts';

export interface CheckRequest {
  /** Absolute files, folders and globs. */
  readonly paths: readonly string[];
  /** Further such paths that are only compared with what is served. */
  readonly comparedPaths: readonly string[];
  readonly endpoints: readonly Endpoint[];
  readonly host: string | null;
  /** PEM text of further authorities. */
  readonly authorities: string | undefined;
  readonly password: string | undefined;
  readonly warnDays: number | undefined;
  /** Milliseconds for each file and each endpoint. */
  readonly timeout: number;
  readonly now: Date;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told after each source. */
  readonly onProgress: (done: number, total: number) => void;
}

const filesAtOnce = 16;
const endpointsAtOnce = 50;

/** Analyses in the order of the request: files, paths that lead to nothing, endpoints. */
export async function checkAll(request: CheckRequest, pace: Pace): Promise<Analysis[]> {
  const { timeout, signal, now, warnDays, endpoints } = request;
  const reading = {
    password: request.password,
    pace,
    signal,
    seen: new Map(),
    answering: new Set<string>(),
    listing: createListing(),
    timeout,
    host: request.host,
  };
  const yardstick: Yardstick = { now, warnDays, roots: await loadTrustedRoots(request.authorities, request.env, pace) };
  const { files, failures } = await expandPaths(request.paths, expansionTimeout(timeout), pace);
  const compared = await expandPaths(request.comparedPaths, expansionTimeout(timeout), pace);

  const total = files.length + failures.length + endpoints.length;
  let done = failures.length;
  const step = <Result>(result: Result): Result => {
    request.onProgress((done += 1), total);
    return result;
  };
  const onDisk: OnDisk[] = [];
  const compare = ({ source, certificates: [leaf] }: Material): void => {
    if (endpoints.length > 0) onDisk.push({ file: source, leaf, names: alternativeNames(leaf) });
  };
  const checked = await concurrently(files, filesAtOnce, async (file) => {
    signal.throwIfAborted();
    const read = await readSourceFile(file, reading);
    await pace();
    if (read === null) return step([]);
    if ('analysis' in read) return step([read.analysis]);
    compare(read.material);
    return step([analyse(read.material, yardstick)]);
  });
  signal.throwIfAborted();
  const counts = checked.map((found) => found.length);
  const fromFiles = [...checked.flat(), ...failures, ...barren(files, counts)];
  if (endpoints.length === 0) return fromFiles;

  await concurrently(compared.files, filesAtOnce, async (file) => {
    const read = await readSourceFile(file, reading);
    if (read !== null && 'material' in read) compare(read.material);
  });
  // One for all: it holds the authorities, and to make it takes longer than a handshake.
  // What is named as trusted is so, be it no root: as in files.
  const secureContext = createSecureContext({ ca: [...yardstick.roots.pems], allowPartialTrustChain: true });
  const options = { ...yardstick, secureContext, timeout, signal, host: request.host, onDisk };
  const looked = await concurrently(endpoints, endpointsAtOnce, async (endpoint) =>
    step(await checkEndpoint(endpoint, options)),
  );
  return [...fromFiles, ...looked];
}

/** A folder of thousands of files takes longer than one of them. */
function expansionTimeout(timeout: number): number {
  return timeout * 4;
}
