/**
 * Threads that pack blocks. Those of libuv's pool, which serve zlib's streams, get short pieces of work and are woken for each of them;
 * Linux then leaves one processor idle while two of them wait for the other (by `perf sched`, a quarter of the time). A thread that goes
 * from block to block stays on its own.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { codeOf } from '../../thrown.ts';
import { packBlock } from './compression.ts';
import type { Compression } from './compression.ts';
import { endThread } from './endThread.ts';
import type { PackAnswer, PackRequest } from './packThread.ts';

/** One packs by zstd as fast as the program's own thread reads, hashes, unpacks and compares; gzip takes several times as long. */
const most = { zstd: 1, gzip: 3 } as const satisfies Record<Compression, number>;

export interface PackedBlock {
  /** The block's memory, for the next one. */
  readonly block: Buffer<ArrayBuffer>;
  readonly packed: Buffer<ArrayBuffer>;
}

interface Waiting {
  readonly resolve: (packed: PackedBlock) => void;
  readonly reject: (error: unknown) => void;
}

class PackThread {
  readonly #worker: Worker;
  /** They are answered in their order. */
  readonly #waiting: Waiting[] = [];
  #failed: { readonly error: unknown } | null = null;

  constructor(compression: Compression) {
    const program = `./packThread${import.meta.url.endsWith('.ts') ? '.ts' : '.mjs'}`;
    // What is preloaded into every program (a tracer of a monitoring service) has no place in so little memory.
    const env = { ...process.env };
    delete env['NODE_OPTIONS'];
    this.#worker = new Worker(new URL(program, import.meta.url), {
      ...{ name: 'pack', workerData: compression, execArgv: [], env },
      // Blocks do not count: they are no objects of JavaScript's heap.
      resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32 },
    });
    this.#worker.on('message', ({ memory, packed }: PackAnswer) => {
      const { buffer, byteOffset, length } = packed;
      this.#waiting.shift()?.resolve({ block: Buffer.from(memory), packed: Buffer.from(buffer, byteOffset, length) });
    });
    this.#worker.on('error', (error) => {
      this.#fail(error);
    });
    this.#worker.on('exit', () => {
      this.#fail(new Error('a thread that packs has ended'));
    });
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async pack(block: Buffer<ArrayBuffer>, bytes: number): Promise<PackedBlock> {
    if (this.#failed !== null) throw this.#failed.error;
    return await new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage({ memory: block.buffer, bytes } satisfies PackRequest, [block.buffer]);
    });
  }

  async end(): Promise<void> {
    await endThread(this.#worker);
  }

  /** Whoever waits for it waits no more. */
  giveUp(error: unknown): void {
    this.#fail(error);
  }

  #fail(error: unknown): void {
    this.#failed ??= { error };
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

/** As many as may be, up to `count`: the user's limit of processes counts threads too. */
function startThreads(count: number, compression: Compression): readonly PackThread[] {
  const threads: PackThread[] = [];
  try {
    while (threads.length < count) threads.push(new PackThread(compression));
  } catch (error) {
    if (codeOf(error) !== 'ERR_WORKER_INIT_FAILED') throw error;
  }
  return threads;
}

/** Where no thread can be had, blocks are packed by the program's own. */
export class PackThreads implements AsyncDisposable {
  readonly #compression: Compression;
  readonly #threads: readonly PackThread[];
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => {
    for (const thread of this.#threads) thread.giveUp(this.#signal.reason);
  };

  /** Once the signal is aborted, nobody waits for a thread any more. */
  constructor(compression: Compression, signal: AbortSignal) {
    this.#compression = compression;
    this.#signal = signal;
    this.#threads = startThreads(Math.min(most[compression], availableParallelism()), compression);
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** So many blocks keep all of them busy while one is filled and one waits. */
  get blocks(): number {
    return this.#threads.length + 2;
  }

  /**
   * Packs the first `bytes` of a block, which is a whole ArrayBuffer and is not to be used until its memory is given back. Rejects with
   * what ended the thread, or the signal's reason.
   */
  async pack(block: Buffer<ArrayBuffer>, bytes: number): Promise<PackedBlock> {
    const [first, ...others] = this.#threads;
    if (first === undefined) return { block, packed: packBlock(block.subarray(0, bytes), this.#compression) };
    return await others.reduce((least, one) => (one.waiting < least.waiting ? one : least), first).pack(block, bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort);
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }
}
