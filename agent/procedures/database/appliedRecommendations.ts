/** What apply-optimizations has applied, with the statement that takes each back: kept until it is taken back. */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { readIfThere } from '../../readIfThere.ts';
import { makeMemory } from '../memory.ts';
import { recommendationSchema } from './recommendations.ts';

const appliedSchema = recommendationSchema.extend({ appliedAt: z.string() });
export type AppliedRecommendation = z.infer<typeof appliedSchema>;

export async function readApplied(memoryDirectory: string): Promise<AppliedRecommendation[]> {
  const text = await readIfThere(fileIn(memoryDirectory));
  if (text === null) return [];
  return z.array(appliedSchema).parse(JSON.parse(text));
}

/** In place of what was kept, whole or not at all. */
export async function writeApplied(memoryDirectory: string, applied: readonly AppliedRecommendation[]): Promise<void> {
  await makeMemory(memoryDirectory);
  const file = fileIn(memoryDirectory);
  await writeFile(`${file}.new`, `${JSON.stringify(applied, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

function fileIn(memoryDirectory: string): string {
  return join(memoryDirectory, 'applied.json');
}
