/** Upkeep's audit log as a file: one entry a line, each with the hash of the one before (store/audit.ts). */
import { createInterface } from 'node:readline';
import { createReadStream } from 'node:fs';
import { AuditChain } from '../../store/audit.ts';
import { auditRowIn } from '../../store/copies.ts';
import { openSafely } from './archive.ts';

/** Why the entries are no whole chain; null = they are, or the file is no audit log of this kind. */
export async function chainProblem(file: string): Promise<string | null> {
  await using handle = await openSafely(file);
  const lines = createInterface({ input: createReadStream('', { fd: handle, autoClose: false, start: 0 }) });
  const chain = new AuditChain();
  let number = 0;
  for await (const line of lines) {
    number += 1;
    const row = auditRowIn(line);
    if (row === null && number === 1) return null;
    if (row === null) return `line ${number} is no entry of an audit log`;
    if (!chain.add(row, row.seq)) return `entry ${row.seq} in line ${number} does not fit the one before it`;
  }
  return null;
}
