import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { BackupFolder, outlineOf } from './backups.ts';
import { hostileArchive, type Hostile, type Member } from './hostileTar.ts';

type Case = Pick<Hostile, 'members'> & Partial<Hostile> & { readonly message: RegExp };

/** `root` is the folder that may be restored, without its leading slash; `outside` lies beside it. */
function cases(root: string, outside: string): Readonly<Record<string, Case>> {
  const top: Member = { name: root, flag: '5' };
  const gigabytes = Buffer.from('77777777777\0');
  const tenGigabytes = Buffer.from('800000000000000280000000', 'hex');
  const evil = { content: 'evil' };
  return {
    '../': { members: [top, { name: `${root}/../evil`, ...evil }], message: /evil" has "\.\."/ },
    '../ in front': { members: [{ name: `../../../../../..${outside}`, ...evil }], message: /victim" has "\.\."/ },
    'an absolute name': { members: [top, { name: `/${root}/evil`, ...evil }], message: /evil" has an absolute name/ },
    'a pax name that leads out': {
      members: [top, { name: `${root}/fine`, pax: { path: `${root}/../evil` }, ...evil }],
      message: /evil" has "\.\."/,
    },
    'a symbolic link, then a file of its name': {
      members: [top, { name: `${root}/a`, flag: '2', target: outside }, { name: `${root}/a`, ...evil }],
      message: /a" is there twice/,
    },
    'a symbolic link, then a file through it': {
      members: [top, { name: `${root}/a`, flag: '2', target: '..' }, { name: `${root}/a/evil`, ...evil }],
      message: /a\/evil" would be written through ".*\/a", which is a link/,
    },
    'two symbolic links, then a file through both': {
      members: [
        top,
        { name: `${root}/a`, flag: '2', target: 'b' },
        { name: `${root}/b`, flag: '2', target: '..' },
        { name: `${root}/a/evil`, ...evil },
      ],
      message: /a\/evil" would be written through/,
    },
    'a symbolic link of another case, then a file through it': {
      members: [top, { name: `${root}/A`, flag: '2', target: '..' }, { name: `${root}/a/evil`, ...evil }],
      message: /the folder of the entry ".*a\/evil" is not in it/,
    },
    'a symbolic link out, absolute': {
      members: [top, { name: `${root}/privkey.pem`, flag: '2', target: '/etc/shadow' }],
      message: /privkey\.pem" is a symbolic link out of the certificate folders, to "\/etc\/shadow"/,
    },
    'a symbolic link out, relative': {
      members: [top, { name: `${root}/privkey.pem`, flag: '2', target: '../../victim' }],
      message: /privkey\.pem" is a symbolic link out of the certificate folders/,
    },
    'a symbolic link in the place of the folder': {
      members: [{ name: root, flag: '2', target: '/etc' }],
      message: /letsencrypt" is a symbolic link out of the certificate folders/,
    },
    'a hard link': {
      members: [top, { name: `${root}/a`, flag: '1', target: 'etc/shadow' }],
      message: /a" is a hard link/,
    },
    'a chain of hard links': {
      members: [
        top,
        { name: `${root}/a`, flag: '2', target: outside },
        { name: `${root}/b`, flag: '1', target: `${root}/a` },
        { name: `${root}/b`, ...evil },
      ],
      message: /b" is a hard link/,
    },
    'a NUL in a pax name': {
      members: [top, { name: `${root}/a`, pax: { path: `${root}/good\0/../../evil` }, ...evil }],
      message: /evil" has a NUL byte/,
    },
    'a NUL in a name': {
      members: [top, { name: `${root}/good`, ...evil, spoil: hideBehindNul }],
      message: /good" has a NUL byte/,
    },
    setuid: { members: [top, { name: `${root}/sh`, mode: 0o4755, ...evil }], message: /sh" is setuid.*4755/ },
    'a character device': {
      members: [top, { name: `${root}/null`, flag: '3' }],
      message: /null" is a character device/,
    },
    'a block device': { members: [top, { name: `${root}/sda`, flag: '4' }], message: /sda" is a block device/ },
    'a FIFO': { members: [top, { name: `${root}/pipe`, flag: '6' }], message: /pipe" is a FIFO/ },
    'a sparse bomb': {
      members: [top, { name: `${root}/a`, flag: 'S', size: gigabytes }],
      message: /a" is a GNU sparse file/,
    },
    'a bomb of 8 GB': {
      members: [top, { name: `${root}/a`, size: gigabytes }],
      message: /a" has 8589934591 bytes; 16777216 are the most/,
    },
    'a bomb of 10 GB': { members: [top, { name: `${root}/a`, size: tenGigabytes }], message: /a number that is none/ },
    'a bomb in pax': {
      members: [top, { name: `${root}/a`, pax: { size: '10737418240' }, ...evil }],
      message: /says "size", which no backup does/,
    },
    'a bomb of many files': {
      members: [top, { name: `${root}/a` }],
      claim: ([first, ...more]) => [
        first ?? {},
        ...more,
        ...Array.from({ length: 40 }, (_, index) => ({
          ...more[0],
          path: `/${root}/${index}`,
          size: 16 * 1024 * 1024,
        })),
      ],
      message: /its files have more than 536870912 bytes/,
    },
    'a name twice': {
      members: [top, { name: `${root}/a`, content: 'good' }, { name: `${root}/a`, ...evil }],
      message: /a" is there twice/,
    },
    'names that differ by case': {
      members: [top, { name: `${root}/key.pem`, content: 'good' }, { name: `${root}/KEY.pem`, ...evil }],
      message: /KEY\.pem" differs from ".*key\.pem" by its case alone/,
    },
    'a file as a folder': {
      members: [top, { name: `${root}/a`, ...evil }, { name: `${root}/a/b`, ...evil }],
      message: /a\/b" would be written through ".*\/a", which is a file/,
    },
    'a file without its folder': {
      members: [{ name: `${root}/no/folder`, ...evil }],
      message: /the folder of the entry ".*no\/folder" is not in it/,
    },
    'a file beside the folder': {
      members: [top, { name: outside.slice(1), ...evil }],
      message: /victim" is outside of its folders/,
    },
    'a folder that nobody configured': {
      members: [{ name: 'etc', flag: '5' }],
      roots: ['/etc'],
      message: /"\/etc" is none of certificates\.backup\.paths/,
    },
    'the root of the file system': {
      members: [{ name: 'etc', flag: '5' }],
      roots: ['/'],
      message: /the folder of the entry "\/etc" is not in it/,
    },
    'a name that is shown backwards': {
      members: [top, { name: `${root}/\u202Egpj.yek`, ...evil }],
      message: /has control characters/,
    },
    'a global pax header': {
      members: [top, { name: `${root}/g`, flag: 'g', content: '12 path=/etc\n' }],
      message: /g" is a global pax header/,
    },
    'a GNU long name': {
      members: [{ name: '././@LongLink', flag: 'L', content: '/etc/passwd\0' }],
      message: /LongLink" has "\.\.", "\."/,
    },
    'an entry that its manifest does not name': {
      members: [top, { name: `${root}/a`, ...evil }],
      claim: ([first]) => [first ?? {}],
      message: /a" is not the one that its manifest names/,
    },
    'another content than its manifest says': {
      members: [top, { name: `${root}/a`, ...evil }],
      claim: (entries) => entries.map((entry) => ('sha256' in entry ? { ...entry, sha256: '0'.repeat(64) } : entry)),
      message: /a" is not the one that its manifest names/,
    },
    'more rights than its manifest says': {
      members: [top, { name: `${root}/a`, mode: 0o777, ...evil }],
      claim: (entries) => entries.map((entry) => ({ ...entry, mode: 0o600 })),
      message: /letsencrypt" is not the one that its manifest names/,
    },
    'an entry too few': {
      members: [top],
      claim: (entries) => [...entries, { ...entries[0], path: `/${root}/a` }],
      message: /letsencrypt\/a" of its manifest is missing/,
    },
    'an archive behind the archive': { members: [top], behind: Buffer.from('evil'), message: /goes on behind its end/ },
    'a wrong checksum': { members: [{ ...top, spoil: (header) => header.fill('x', 0, 5) }], message: /wrong checksum/ },
    'a folder twice': { members: [top], roots: [`/${root}`, `/${root}`], message: /names ".*letsencrypt" twice/ },
    'a folder in a folder': {
      members: [top, { name: `${root}/a`, flag: '5' }],
      roots: [`/${root}`, `/${root}/a`],
      message: /names ".*letsencrypt\/a" twice/,
    },
    'no manifest': { members: [top], roots: null, message: /it begins with ".*letsencrypt" and not with a manifest/ },
  };
}

function hideBehindNul(header: Buffer): void {
  const end = header.indexOf(0);
  header.write('/../evil', end + 1);
  const sum = header.reduce((all, byte, index) => all + (index >= 148 && index < 156 ? 0x20 : byte), 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
}

describe('restore-certificates, hostile archives (V22)', () => {
  const folder = new BackupFolder();

  beforeEach(async () => {
    await folder.create();
    await folder.plant();
    await folder.write('host/victim', 'untouched');
  });
  afterEach(() => folder.remove());

  /** Refused, with everything as it was, also beside the folder. */
  async function refused(archive: string, message: RegExp): Promise<void> {
    const before = await outlineOf(folder.path('host'));
    const { outcome, findings } = await folder.restore({ archive });
    assert.equal(outcome, 'failed');
    assert.match(findings[0]?.message ?? '', message);
    assert.doesNotMatch(findings[0]?.message ?? '', /[\p{Cc}\p{Cf}]/u);
    assert.deepEqual(await outlineOf(folder.path('host')), before);
    assert.equal(await readFile(folder.path('host/victim'), 'utf8'), 'untouched');
    await rm(folder.path('backups'), { recursive: true });
  }

  for (const title of Object.keys(cases('', ''))) {
    it(`V22: refuse ${title}`, async () => {
      const [root, outside] = [folder.path('host/letsencrypt').slice(1), folder.path('host/victim')];
      const { message, ...hostile } = cases(root, outside)[title]!;
      const bytes = hostileArchive({ roots: [`/${root}`], ...hostile });
      await refused(await folder.write('hostile.tar.gz', bytes), message);
    });
  }

  it('V22: refuse two gigabytes of zeros', async () => {
    const piece = gzipSync(Buffer.alloc(16 * 1024 * 1024));
    const zeros = await folder.write('zeros.tar.gz', Buffer.concat(Array<Buffer>(128).fill(piece)));
    await refused(zeros, /it is empty|goes on behind|begins with/);
  });

  it('V22: refuse every cut of a good archive', async () => {
    const { archive } = await folder.backup();
    const bytes = await readFile(archive ?? '');
    await rm(folder.path('backups'), { recursive: true });
    for (let length = 0; length < bytes.length; length += 41) {
      await refused(
        await folder.write('cut.tar.gz', bytes.subarray(0, length)),
        /no whole gzip|ends in the middle|is empty/,
      );
    }
  });

  it('V22: refuse what GNU tar made of the same folder', async () => {
    const made = folder.path('gnu.tar.gz');
    execFileSync('tar', ['czf', made, '-C', folder.path(), 'host/letsencrypt']);
    await refused(made, /of the kind ustar/);
    await refused(await folder.write('rubbish', gzipSync('rubbish'.repeat(100))), /damaged|number/);
  });

  it('V22: give nobody but the owner the right to write, whatever the archive says', async () => {
    const root = folder.path('host/letsencrypt').slice(1);
    const members = [
      { name: root, flag: '5', mode: 0o777 },
      { name: `${root}/key.pem`, mode: 0o666, content: 'key' },
    ];
    const archive = await folder.write('wide.tar.gz', hostileArchive({ members, roots: [`/${root}`] }));
    const { outcome, findings } = await folder.restore({ archive });
    assert.equal(outcome, 'warning');
    assert.match(findings[0]?.message ?? '', /letsencrypt is restored with mode 755 and not 777/);
    assert.deepEqual(await folder.host(), ['letsencrypt/ 755', 'letsencrypt/key.pem 644 key', 'victim 600 untouched']);
  });
});
