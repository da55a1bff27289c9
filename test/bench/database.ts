/** BENCHMARKS section 7. */
import { databaseChecks } from './databaseChecks.ts';
import { databaseVacuum } from './databaseVacuum.ts';
import type { Figure } from './figure.ts';

export async function database(): Promise<readonly Figure[]> {
  return [...(await databaseChecks()), ...(await databaseVacuum())];
}
