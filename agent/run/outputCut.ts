/**
 * The part of a run's output that was dropped between head and tail, beside the output as `output.cut.json`.
 *
 * Offsets of the wire count every byte that was ever written, dropped ones included, so they never move. `[from, to)` is
 * what is gone. Where the file system can give back the middle of a file, the rest stays where it is and `shift` is 0;
 * elsewhere the file was shortened, and what comes after the gap lies `shift` bytes earlier in it.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import { codeOf } from '../thrown.ts';

const outputCut = z.object({ from: z.int().min(0), to: z.int().min(0), shift: z.int().min(0) });
export type OutputCut = z.infer<typeof outputCut>;

/** Null while nothing was dropped. */
export function readCut(output: string): OutputCut | null {
  let text: string;
  try {
    text = readFileSync(cutFile(output), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    return outputCut.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

export function writeCut(output: string, cut: OutputCut): void {
  const fresh = `${cutFile(output)}.new`;
  writeFileSync(fresh, JSON.stringify(cut), { mode: 0o600 });
  renameSync(fresh, cutFile(output));
}

/** What readers see in place of the dropped bytes. */
export function cutMark(cut: OutputCut): string {
  return `\n[upkeep: ${cut.to - cut.from} bytes of output were dropped here, because of output_limit]\n`;
}

function cutFile(output: string): string {
  return output.replace(/\.log$/, '.cut.json');
}
