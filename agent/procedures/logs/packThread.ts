/** Runs in a thread of its own: packs one block after the other for `PackThreads`. */
import { parentPort, workerData } from 'node:worker_threads';
import { packBlock } from './compression.ts';
import type { Compression } from './compression.ts';

/** A block to pack; its memory goes with it, and comes back with the answer. */
export interface PackRequest {
  readonly memory: ArrayBuffer;
  readonly bytes: number;
}

export interface PackAnswer {
  readonly memory: ArrayBuffer;
  readonly packed: Uint8Array<ArrayBuffer>;
}

const compression = workerData as Compression;

parentPort?.on('message', ({ memory, bytes }: PackRequest) => {
  const packed = packBlock(new Uint8Array(memory, 0, bytes), compression);
  parentPort?.postMessage({ memory, packed } satisfies PackAnswer, [memory, packed.buffer]);
});
