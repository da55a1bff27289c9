/** Archives as attackers make them: any header, with a manifest that agrees with it as far as a manifest can. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { manifestName } from '../../../agent/procedures/certificates/backupEntries.ts';
import { checksum, endOfArchive, padding } from '../../../agent/procedures/certificates/tarWriter.ts';

export interface Member {
  readonly name: string;
  /** `0` file, `1` hard link, `2` symbolic link, `3` and `4` devices, `5` folder, `6` FIFO. */
  readonly flag?: string;
  readonly mode?: number;
  readonly target?: string;
  readonly content?: string | Buffer;
  /** What the header says instead of the length of the content: octal digits, or raw bytes. */
  readonly size?: Buffer;
  /** Records of a pax header before it. */
  readonly pax?: Readonly<Record<string, string>>;
  /** Spoils the header at the end. */
  readonly spoil?: (header: Buffer) => void;
}

export interface Hostile {
  readonly members: readonly Member[];
  /** Roots that the manifest names; null = there is no manifest. */
  readonly roots: readonly string[] | null;
  /** Changes the entries of the manifest, which else are those of the members. */
  readonly claim?: (entries: Claim[]) => Claim[];
  /** Behind the end. */
  readonly behind?: Buffer;
}

export type Claim = Record<string, unknown>;

export function hostileArchive({ members, roots, claim = (entries) => entries, behind }: Hostile): Buffer {
  const entries = claim(members.map(claimOf));
  const manifest = {
    format: 'upkeep-certificates-1',
    createdAt: '2024-01-15T02:00:00.000Z',
    host: 'evil',
    roots,
    entries,
  };
  const first = roots === null ? [] : [{ name: manifestName, content: JSON.stringify(manifest) }];
  return gzipSync(
    Buffer.concat([...[...first, ...members].flatMap(blocksOf), endOfArchive, behind ?? Buffer.alloc(0)]),
  );
}

function claimOf({ name, flag = '0', mode, target = '', content = '', pax }: Member): Claim {
  const shown = (pax?.['path'] ?? name).replace(/\/$/, '');
  const path = shown.startsWith('/') ? shown : `/${shown}`;
  const common = { path, mode: (mode ?? (flag === '5' ? 0o755 : 0o644)) & 0o7777, uid: 0, gid: 0, mtime: 0 };
  if (flag === '5') return { ...common, type: 'directory' };
  if (flag === '2') return { ...common, type: 'link', target };
  return {
    ...common,
    type: 'file',
    size: Buffer.byteLength(content),
    sha256: createHash('sha256').update(content).digest('hex'),
  };
}

function blocksOf(member: Member): Buffer[] {
  const { flag = '0', content = '', pax } = member;
  const body = Buffer.from(content);
  const before = pax === undefined ? [] : blocksOf({ name: 'pax', flag: 'x', content: records(pax) });
  return [...before, headerOf(member, flag, body.length), body, padding(body.length)];
}

function headerOf({ name, mode, target = '', size, spoil }: Member, flag: string, length: number): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100, 'utf8');
  header.write((mode ?? (flag === '5' ? 0o755 : 0o644)).toString(8).padStart(7, '0'), 100);
  header.write('0000000', 108);
  header.write('0000000', 116);
  if (size === undefined) header.write(length.toString(8).padStart(11, '0'), 124);
  else size.copy(header, 124);
  header.write('00000000000', 136);
  header.write(flag, 156);
  header.write(target, 157, 100, 'utf8');
  header.write('ustar\x0000', 257, 'latin1');
  header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, 148);
  spoil?.(header);
  return header;
}

function records(pax: Readonly<Record<string, string>>): string {
  return Object.entries(pax)
    .map(([key, value]) => {
      const rest = Buffer.byteLength(` ${key}=${value}\n`);
      const length = rest + String(rest + String(rest).length).length;
      return `${length} ${key}=${value}\n`;
    })
    .join('');
}
