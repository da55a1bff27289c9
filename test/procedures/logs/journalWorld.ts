/** Real journal files, made by systemd-journal-remote(8) from the export format. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const program = '/lib/systemd/systemd-journal-remote';

const boot = '0123456789abcdef0123456789abcdef';
const hex = (value: bigint): string => value.toString(16).padStart(16, '0');

/** An archived journal file of so many entries, the first so long ago. `name`: what stands before the `@`. */
export function archivedJournal(folder: string, at: Date, entries: number, name = 'system'): string {
  return journalFile(folder, at, entries, (id, micro) => `${name}@${id}-${hex(1n)}-${hex(micro)}.journal`);
}

/** As journald leaves one that was not closed, or that it found damaged. */
export function damagedJournal(folder: string, at: Date, entries: number): string {
  return journalFile(folder, at, entries, (_id, micro) => `system@${hex(micro)}-${hex(7n)}.journal~`);
}

/** The name under which journald writes: `system`, `user-1000`. */
export function activeJournal(folder: string, at: Date, entries: number, name = 'system'): string {
  return journalFile(folder, at, entries, () => `${name}.journal`);
}

/** An archived file without any entry: its count is set to nothing. */
export function emptyJournal(folder: string, at: Date): string {
  const file = archivedJournal(folder, at, 1);
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.alloc(8), 0, 8, 152);
  closeSync(descriptor);
  return file;
}

function journalFile(folder: string, at: Date, entries: number, nameOf: (id: string, micro: bigint) => string): string {
  const work = mkdtempSync(path.join(tmpdir(), 'upkeep-journal-'));
  try {
    const made = path.join(work, 'made.journal');
    const input = path.join(work, 'export');
    const micro = BigInt(at.getTime()) * 1000n;
    const text = Array.from({ length: entries }, (_, index) =>
      [
        `__REALTIME_TIMESTAMP=${micro + BigInt(index)}`,
        `__MONOTONIC_TIMESTAMP=${1000 + index}`,
        `_BOOT_ID=${boot}`,
        `_MACHINE_ID=${boot}`,
        `MESSAGE=entry ${index} ${'x'.repeat(200)}`,
        '',
        '',
      ].join('\n'),
    );
    writeFileSync(input, text.join(''));
    execFileSync(program, ['--split-mode=none', `--output=${made}`, input], { stdio: 'pipe' });
    const header = execFileSync('journalctl', ['--header', `--file=${made}`]).toString();
    const id = /Sequential number ID: ([0-9a-f]{32})/i.exec(header)?.[1] ?? boot;
    const place = path.join(folder, nameOf(id, micro));
    renameSync(made, place);
    return place;
  } finally {
    rmSync(work, { recursive: true });
  }
}

export function sizeOnDisk(file: string): number {
  return statSync(file).blocks * 512;
}
