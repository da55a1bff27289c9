/**
 * Which archived WAL files may go, after the rules of pg_archivecleanup: those that come before the oldest file to keep, in
 * the order of the WAL, time lines set aside. PostgreSQL manual: pg_archivecleanup, "Continuous Archiving".
 */

export interface ArchivedFile {
  readonly name: string;
  readonly bytes: number;
  readonly modified: Date;
}

export interface ArchivePlan {
  readonly remove: readonly ArchivedFile[];
  /** Segments that stay. */
  readonly keep: number;
  /** Oldest WAL position kept: log and segment number, 16 hex digits; null when no file sets one. */
  readonly boundary: string | null;
  /** The backup whose start sets the boundary, where files older than the retention stay for its sake. */
  readonly heldByBackup: string | null;
}

/**
 * Plans the removal of segments last written before `cutoff`. A backup history file (`….backup`) names the segment with
 * which its backup starts: that one and all after it stay, however old, for as long as the history file is there.
 * Time line histories (`.history`), backup histories and files of other names are never removed.
 */
export function planArchiveCleanup(files: readonly ArchivedFile[], cutoff: Date): ArchivePlan {
  const segments = files.flatMap((file) => {
    const position = segmentPosition(file.name);
    return position === null ? [] : [{ file, position }];
  });
  const backups = files.flatMap((file) => {
    const position = backupStart(file.name);
    return position === null ? [] : [{ name: file.name, position }];
  });
  const young = least(segments.filter(({ file }) => file.modified >= cutoff));
  const backup = least(backups);
  const boundary = least([young, backup].filter((entry) => entry !== null))?.position ?? null;
  const goes = ({ file, position }: (typeof segments)[number]): boolean =>
    file.modified < cutoff && (boundary === null || position < boundary);
  const remove = segments.filter(goes).sort((a, b) => (a.position < b.position ? -1 : 1));
  const held = segments.some((entry) => entry.file.modified < cutoff && !goes(entry));
  return {
    remove: remove.map(({ file }) => file),
    keep: segments.length - remove.length,
    boundary,
    heldByBackup: held && backup !== null && backup.position === boundary ? backup.name : null,
  };
}

/** Log and segment number of a WAL segment, also a partial or a compressed one; null for any other file. */
export function segmentPosition(name: string): string | null {
  return segmentName.exec(name)?.[1] ?? null;
}

/** Log and segment number with which the backup of a backup history file starts; null for any other file. */
export function backupStart(name: string): string | null {
  return backupName.exec(name)?.[1] ?? null;
}

function least<T extends { readonly position: string }>(entries: readonly T[]): T | null {
  return entries.reduce<T | null>((low, entry) => (low === null || entry.position < low.position ? entry : low), null);
}

const compressed = String.raw`(?:\.(?:gz|bz2|xz|zst|lz4|lzo|br))?`;
const segmentName = new RegExp(String.raw`^[0-9A-F]{8}([0-9A-F]{16})(?:\.partial)?${compressed}$`);
const backupName = new RegExp(String.raw`^[0-9A-F]{8}([0-9A-F]{16})\.[0-9A-F]{8}\.backup${compressed}$`);
