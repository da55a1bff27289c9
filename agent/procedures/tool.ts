/** Finds and drives the tools that procedures leave their work to. */
import { constants, createWriteStream } from 'node:fs';
import { access, mkdtemp, open, readdir, readFile, rm, rmdir, statfs, unlink, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';

export interface ToolRun {
  /** Of stdout and stderr, in their order. */
  readonly lines: readonly string[];
  readonly exitCode: number | null;
  readonly killedBy: string | null;
}

export interface ToolCall {
  /** Absolute path. */
  readonly binary: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** File that keeps what it says, for one who comes after a kill; made anew, for its owner alone. Absent: nothing is kept. */
  readonly output?: string | undefined;
}

/** Distributions put tools into sbin, which is not on every user's PATH. */
const systemDirectories = ['/usr/sbin', '/usr/local/sbin', '/sbin', '/opt/homebrew/sbin', '/opt/homebrew/bin'];

/** Absolute path, or null when it is not installed. */
export async function findTool(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  directories: readonly string[] = systemDirectories,
): Promise<string | null> {
  const own = (env['PATH'] ?? '').split(path.delimiter).filter((directory) => path.isAbsolute(directory));
  for (const directory of [...own, ...directories]) {
    const candidate = path.join(directory, name);
    const found = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return candidate;
  }
  return null;
}

/**
 * Runs it to its end, without a shell, in the language that its output is read in. The kernel writes what it says into a
 * file: a process that a script leaves behind cannot hold the run open by holding a pipe. When the signal aborts, the tool and
 * what it started are terminated, after 5 s killed, and only when all are gone the reason is thrown.
 */
export async function runTool(call: ToolCall): Promise<ToolRun> {
  call.signal.throwIfAborted();
  const output = call.output === undefined ? await openNameless() : await openKept(call.output);
  const stream = createWriteStream('', { fd: output.fd, autoClose: false });
  try {
    const child = execa(call.binary, [...call.args], {
      env: { ...definedOnly(call.env), LC_ALL: 'C', LANG: 'C' },
      extendEnv: false,
      cwd: '/',
      stdio: ['ignore', stream, stream],
      reject: false,
    });
    let ending: Promise<void> = Promise.resolve();
    const onAbort = () => {
      ending = terminate(child.pid);
    };
    call.signal.addEventListener('abort', onAbort, { once: true });
    const result = await child;
    call.signal.removeEventListener('abort', onAbort);
    await ending;
    call.signal.throwIfAborted();
    if (result.exitCode === undefined && result.signal === undefined) {
      throw new Error(`${call.binary} could not be started: ${result.shortMessage ?? 'unknown reason'}`);
    }
    const lines = (await readFromStart(output)).toString('utf8').split(/\r?\n/);
    return { lines, exitCode: result.exitCode ?? null, killedBy: result.signal ?? null };
  } finally {
    await output.close();
  }
}

/** What a tool may say, with a good margin: on a full disk what it says would be lost, and its work be misjudged. */
const roomForOutput = 64 << 20;

/** A temporary file without a name: a run that is killed leaves nothing behind. Where the disk is full, in memory. */
async function openNameless(): Promise<FileHandle> {
  for (const folder of [tmpdir(), '/dev/shm']) {
    if (!(await hasRoomForOutput(folder))) continue;
    return (await openWithoutName(folder)) ?? (await openAndUnlink(folder));
  }
  throw new Error(`There is no room for the output of tools: free some space in ${tmpdir()}.`);
}

/** Is there room in that folder for all that a tool may say? */
export async function hasRoomForOutput(folder: string): Promise<boolean> {
  const room = await statfs(folder).catch(() => null);
  return room !== null && room.bavail * room.bsize >= roomForOutput;
}

/** The one of an earlier run goes first: whoever still writes into that, writes there. */
async function openKept(file: string): Promise<FileHandle> {
  await rm(file, { force: true });
  return await open(file, 'wx+', 0o600);
}

/** O_TMPFILE of open(2), which Node does not name: this bit, together with O_DIRECTORY. */
const nameless = 0o20_000_000;

/** Null where the kernel or the file system can not. */
async function openWithoutName(folder: string): Promise<FileHandle | null> {
  if (process.platform !== 'linux') return null;
  return await open(folder, nameless | constants.O_DIRECTORY | constants.O_RDWR, 0o600).catch(() => null);
}

/** Its name is gone at once; one that is killed in between leaves an empty folder. */
async function openAndUnlink(folder: string): Promise<FileHandle> {
  const directory = await mkdtemp(path.join(folder, 'upkeep-tool-'));
  try {
    return await open(path.join(directory, 'output'), 'wx+', 0o600);
  } finally {
    // One by one: to look into the folder takes a descriptor, and there may be none left.
    await unlink(path.join(directory, 'output')).catch(() => undefined);
    await rmdir(directory);
  }
}

/** By position: the tool has moved the place at which the file is read and written. */
async function readFromStart(file: FileHandle): Promise<Buffer> {
  const { size } = await file.stat();
  const bytes = Buffer.alloc(size);
  let read = 0;
  for (let more = 1; more > 0 && read < size; read += more) {
    more = (await file.read(bytes, read, size - read, read)).bytesRead;
  }
  return bytes.subarray(0, read);
}

function definedOnly(env: ToolCall['env']): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

/** The tool first, so that it starts nothing new; then its children, which would outlive it. */
async function terminate(root: number | undefined): Promise<void> {
  if (root === undefined) return;
  let family = [root, ...(await descendants(root))];
  const kill = performance.now() + 5_000;
  for (const pid of family) send(pid, 'SIGTERM');
  while (family.length > 0 && performance.now() < kill + 1_000) {
    await sleep(20);
    family = family.filter((pid) => send(pid, performance.now() < kill ? 0 : 'SIGKILL'));
  }
}

/** False when there is no such process (any more). */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

async function descendants(root: number): Promise<readonly number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    // The command may hold anything, blanks and brackets too; the parent is the second field after its last bracket.
    const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const found: number[] = [];
  for (let level = [root]; level.length > 0;) {
    const children = [...parents].filter(([, parent]) => level.includes(parent)).map(([pid]) => pid);
    found.push(...children);
    level = children;
  }
  return found;
}
