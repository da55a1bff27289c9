/**
 * The bundled agent on this machine, run by the editor's own Node. It lives as long as its standard input: an extension
 * host gives its children no signal when it ends. Its restarts are the client's back-off: each attempt calls `prepare`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, lstatSync, mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import type { Problem } from './client/connectionState.ts';
import { messageOf } from './client/errors.ts';
import type { Log } from './client/log.ts';
import { ConnectError } from './client/openSocket.ts';

export interface LocalAgentOptions {
  /** Program that runs the agent: the editor's `process.execPath`. */
  readonly program: string;
  /** dist/agent.mjs */
  readonly script: string;
  readonly stateDirectory: string;
  /** At most 103 bytes (unix(7): 107 on Linux, 103 on macOS); its folder is made with mode 0700. */
  readonly socketPath: string;
  readonly configFile: () => string | null;
  /** Why it must not be started, or null. */
  readonly refusal: () => string | null;
  readonly log: Log;
  readonly platform?: NodeJS.Platform;
}

const readyLine = z.looseObject({ ready: z.literal(true) });
const readyWithinMs = 20_000;
const endsWithinMs = 12_000;
const keptComplaints = 5;

export class LocalAgent {
  readonly #options: LocalAgentOptions;
  #child: ChildProcess | null = null;
  #starting: Promise<void> | null = null;

  constructor(options: LocalAgentOptions) {
    this.#options = options;
  }

  get socketPath(): string {
    return this.#options.socketPath;
  }

  /** Process id while one of ours runs. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Sees to it that an agent answers at the socket: ours, or that of another window on the same folder. */
  async prepare(): Promise<void> {
    this.#starting ??= this.#prepare().finally(() => {
      this.#starting = null;
    });
    return this.#starting;
  }

  /** Ends the agent of this window, politely first; runs go on, and the next agent takes them over. */
  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    const child = this.#child;
    if (child === null || hasEnded(child)) return;
    const ended = once(child, 'exit');
    child.stdin?.end();
    const terminate = setTimeout(() => child.kill('SIGTERM'), endsWithinMs / 2);
    const kill = setTimeout(() => child.kill('SIGKILL'), endsWithinMs);
    await ended;
    clearTimeout(terminate);
    clearTimeout(kill);
    removeWhenEmpty(dirname(this.#options.socketPath));
  }

  async #prepare(): Promise<void> {
    const { socketPath, stateDirectory } = this.#options;
    const refusal = this.#refusal();
    if (refusal !== null) throw new ConnectError(refusal);
    if (this.#child !== null && !hasEnded(this.#child)) return;
    makePrivateFolder(dirname(socketPath));
    if (await answers(socketPath)) return;
    rmSync(socketPath, { force: true });
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    await this.#start();
  }

  #refusal(): Problem | null {
    if ((this.#options.platform ?? process.platform) === 'win32')
      return finalProblem(
        'the local agent does not run on Windows: open this folder in WSL, or add the host with "Upkeep: Add Host…"',
      );
    const refusal = this.#options.refusal();
    return refusal === null ? null : finalProblem(refusal);
  }

  #start(): Promise<void> {
    const { program, log } = this.#options;
    const child = spawn(program, this.#argv(), {
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    });
    this.#child = child;
    const complaints: string[] = [];
    child.stdin.on('error', (error) => {
      log.debug(`local agent: ${error.message}`);
    });
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.debug(`local agent: ${line}`);
      complaints.push(line);
      if (complaints.length > keptComplaints) complaints.shift();
    });
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`the local agent was not ready within ${readyWithinMs / 1000} s`));
      }, readyWithinMs);
      child.once('error', (error) => {
        clearTimeout(late);
        this.#child = null;
        reject(new Error(`the local agent can not be started: ${error.message}`, { cause: error }));
      });
      child.once('exit', (code, signal) => {
        clearTimeout(late);
        if (this.#child === child) this.#child = null;
        const how = signal ?? `exit code ${code ?? 'unknown'}`;
        log.info(`local agent: ended (${how})`);
        reject(new Error(`the local agent ended at once (${how})${lastComplaint(complaints)}`));
      });
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (!isReady(line)) return;
        clearTimeout(late);
        log.info(`local agent: process ${child.pid ?? 0} is ready`);
        resolve();
      });
    });
  }

  #argv(): string[] {
    const { script, stateDirectory, socketPath, configFile } = this.#options;
    const config = configFile();
    return [
      script,
      'serve',
      ...['--state', stateDirectory],
      ...['--socket', socketPath],
      ...['--listen', 'none'],
      ...['--lifetime', 'stdin'],
      ...(config === null ? [] : ['--config', config]),
    ];
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function finalProblem(message: string): Problem {
  return { message, code: null, final: true };
}

function isReady(line: string): boolean {
  try {
    return readyLine.safeParse(JSON.parse(line)).success;
  } catch {
    return false;
  }
}

function lastComplaint(lines: readonly string[]): string {
  const line = lines.at(-1);
  return line === undefined ? '' : `: ${line}`;
}

/** True when something accepts connections there. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

/** Agents of other workspaces may have their sockets there still. */
function removeWhenEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Not empty, or gone already.
  }
}

/** The temporary folder is everyone's: what is there under our name must be ours and closed to others. */
function makePrivateFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const state = lstatSync(folder);
    if (!state.isDirectory() || state.uid !== process.getuid?.())
      throw new ConnectError(finalProblem(`${folder} belongs to someone else: remove it, or set TMPDIR`));
    if ((state.mode & 0o077) !== 0) chmodSync(folder, 0o700);
  } catch (error) {
    if (error instanceof ConnectError) throw error;
    throw new ConnectError(finalProblem(`${folder} can not be used for the local agent: ${messageOf(error)}`), {
      cause: error,
    });
  }
}
