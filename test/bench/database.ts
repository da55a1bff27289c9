/** BENCHMARKS section 7. */
import { databaseVacuum } from './databaseVacuum.ts';
import type { Figure } from './figure.ts';

export async function database(): Promise<readonly Figure[]> {
  return databaseVacuum();
}
