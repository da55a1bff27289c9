/** Real journal files, made by systemd-journal-remote(8) from the export format. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const program = '/lib/systemd/systemd-journal-remote';

/** An archived journal file of so many entries, the first so long ago. */
export function archivedJournal(folder: string, at: Date, entries: number): string {
  const work = mkdtempSync(path.join(tmpdir(), 'upkeep-journal-'));
  try {
    const made = path.join(work, 'made.journal');
    const input = path.join(work, 'export');
    const boot = '0123456789abcdef0123456789abcdef';
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
    const hex = (value: bigint): string => value.toString(16).padStart(16, '0');
    const place = path.join(folder, `system@${id}-${hex(1n)}-${hex(micro)}.journal`);
    renameSync(made, place);
    return place;
  } finally {
    rmSync(work, { recursive: true });
  }
}

export function sizeOnDisk(file: string): number {
  return statSync(file).blocks * 512;
}
