import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { auditVerification } from '../../../agent/procedures/logs/auditJoin.ts';
import { manifest as manifestSchema, placesOf } from '../../../agent/procedures/logs/manifest.ts';
import { genesis } from '../../../agent/store/audit.ts';
import { createAuditWorld } from './auditWorld.ts';
import type { AuditWorld } from './auditWorld.ts';

function placesFor(archive: string): ReturnType<typeof placesOf> {
  return placesOf(path.dirname(archive), path.basename(archive));
}

async function changeByte(file: string): Promise<void> {
  const { size } = await stat(file);
  const handle = await open(file, 'r+');
  try {
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, Math.floor(size / 2));
    await handle.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, Math.floor(size / 2));
  } finally {
    await handle.close();
  }
}

/** As somebody does who knows how archives are made: text in it is replaced, and all checksums are made anew. */
async function forge(archive: string, from: string, to: string): Promise<void> {
  assert.equal(from.length, to.length);
  const { manifest: file } = placesFor(archive);
  const manifest = manifestSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  let tar = zstdDecompressSync(await readFile(archive)).toString('latin1');
  assert.ok(tar.includes(from));
  tar = tar.replace(from, to);
  const [entry] = manifest.files;
  assert.ok(entry !== undefined);
  const body = tar.indexOf('{"seq":');
  const sha256 = createHash('sha256')
    .update(tar.slice(body, body + entry.bytes), 'latin1')
    .digest('hex');
  const packed = zstdCompressSync(Buffer.from(tar.replaceAll(entry.sha256, sha256), 'latin1'));
  await writeFile(archive, packed);
  const made = createHash('sha256').update(packed).digest('hex');
  const forged = { ...manifest, bytes: packed.length, sha256: made, files: [{ ...entry, sha256 }] };
  await writeFile(file, JSON.stringify(forged));
}

describe('the audit log and its archives, verified together', function () {
  this.timeout(30_000);
  let world: AuditWorld;
  beforeEach(async () => {
    world = await createAuditWorld();
  });
  afterEach(() => world.remove());

  /** Codes of what is wrong, each with its entry and the last part of the name of its file. */
  async function problems(more: Parameters<AuditWorld['verify']>[0] = {}): Promise<string[]> {
    const result = auditVerification.parse(await world.verify(more));
    assert.equal(result.ok, !result.findings.some(({ level }) => level === 'critical'));
    return result.findings.map(({ code, entry, subject }) => `${code} ${entry ?? '-'} ${path.basename(subject)}`);
  }

  it('finds nothing wrong with a log, archived, trimmed or neither, and says its head', async () => {
    assert.deepEqual((await world.verify()).head, null);
    world.append(3, 120);
    assert.deepEqual(await problems(), []);
    await world.fill([4, 5]);
    world.append(2, 1);
    const before = await world.verify();
    assert.deepEqual([before.ok, before.entries, before.trimmedThrough, before.head?.seq], [true, 14, 0, 14]);
    assert.deepEqual(
      before.archives.map(({ first, last, status }) => [first, last, status]),
      [
        [1, 7, 'whole'],
        [8, 12, 'whole'],
      ],
    );
    await world.trim();
    const after = await world.verify();
    assert.deepEqual([after.ok, after.trimmedThrough, after.findings], [true, 12, []]);
    assert.ok((after.head?.seq ?? 0) > 14, 'the trimming is an entry itself');
  });

  it('names the entry of the store that was changed, the one that is missing, and an end that was cut off', async () => {
    await world.fill([5]);
    world.append(5, 1);
    const database = world.database();
    database.change("UPDATE audit SET reason = 'none' WHERE seq = 8");
    assert.deepEqual(await problems(), ['audit.chain 8 upkeep.db']);
    database.change('UPDATE audit SET reason = NULL WHERE seq = 8');
    assert.deepEqual(await problems(), []);
    database.change('DELETE FROM audit WHERE seq = 10');
    assert.deepEqual(await problems(), ['audit.truncated 10 upkeep.db', 'audit.truncated 10 audit.ndjson']);
    database.change('DELETE FROM audit WHERE seq = 4');
    assert.equal((await problems())[0], 'audit.chain 4 upkeep.db');
  });

  it('finds what was rewritten with all its hashes, by the copy beside the store and by the archives', async () => {
    await world.fill([5]);
    const database = world.database();
    database.change('DELETE FROM audit WHERE seq >= 3');
    database.change("UPDATE sqlite_sequence SET seq = 2 WHERE name = 'audit'");
    const copy = path.join(world.state, 'audit.ndjson');
    const kept = await readFile(copy);
    world.append(6, 119);
    assert.deepEqual(await problems(), [
      `audit.rewritten 3 ${path.basename((await world.archives())[0] ?? '')}`,
      'audit.copy 3 audit.ndjson',
    ]);
    assert.notDeepEqual(await readFile(copy), kept);
    await rm(copy);
    assert.deepEqual(
      (await problems({ folders: [] })).length,
      0,
      'without copy, archive and noted head it can not be seen',
    );
    assert.equal((await world.archiveAudit()).outcome, 'failed');
  });

  it('names each damaged archive: a changed byte, a changed manifest, a removed one, swapped ones, another name', async () => {
    await world.fill([4, 4, 4], true);
    const [first = '', second = '', third = ''] = await world.archives();
    const aside = path.join(world.state, 'aside');
    await cp(world.destination, aside, { recursive: true });
    const name = (archive: string): string => path.basename(archive);
    const swap = async (one: string, other: string): Promise<void> => {
      await rename(one, `${one}.x`);
      await rename(other, one);
      await rename(`${one}.x`, other);
    };
    const damages: readonly (readonly [string, () => Promise<void>, readonly string[]])[] = [
      ['a byte', () => changeByte(second), [`audit.archive - ${name(second)}`]],
      [
        'a manifest',
        () => writeFile(placesFor(first).manifest, '{}'),
        [`audit.archive - ${name(first)}`, 'audit.gap 1 archive'],
      ],
      ['an archive without its manifest', () => rm(first), [`audit.archive - ${name(first)}`]],
      [
        'an archive with its manifest',
        async () => {
          await rm(second);
          await rm(placesFor(second).manifest);
        },
        ['audit.gap 5 archive'],
      ],
      ['all of them', () => rm(world.destination, { recursive: true }), ['audit.gap 1 archive']],
      [
        'swapped contents',
        () => swap(first, third),
        [`audit.archive - ${name(first)}`, `audit.archive - ${name(third)}`],
      ],
      [
        'swapped names',
        async () => {
          await swap(first, third);
          await swap(placesFor(first).manifest, placesFor(third).manifest);
        },
        [`audit.archive - ${name(third)}`, `audit.archive - ${name(first)}`],
      ],
      [
        'half of one',
        async () => writeFile(third, (await readFile(third)).subarray(0, 100)),
        [`audit.archive - ${name(third)}`],
      ],
    ];
    for (const [title, damage, expected] of damages) {
      await damage();
      assert.deepEqual((await problems()).sort(), [...expected].sort(), title);
      await rm(world.destination, { recursive: true, force: true });
      await cp(aside, world.destination, { recursive: true });
      assert.deepEqual(await problems(), [], title);
    }
  });

  it('names the entry that was changed in an archive, though all checksums were made anew', async () => {
    await world.fill([6]);
    const [archive = ''] = await world.archives();
    await forge(archive, '"target":"3"', '"target":"9"');
    const [finding] = (await world.verify()).findings;
    assert.deepEqual([finding?.code, finding?.entry], ['audit.archive', 4]);
    assert.match(
      finding?.message ?? '',
      /^entry 4 in it does not fit the one before it\. It should hold the entries 1 to 6\./,
    );
  });

  it('tells an archive of another agent, and archives nothing beside it', async () => {
    await world.fill([6]);
    const other = await createAuditWorld();
    try {
      await other.fill([3]);
      const [foreign = ''] = await other.archives();
      const both = [world.destination, other.destination];
      assert.deepEqual(await problems({ folders: both }), [`audit.foreign 1 ${path.basename(foreign)}`]);
      const refused = await world.archiveAudit({ destination: other.destination });
      assert.equal(refused.outcome, 'failed');
      assert.match(refused.messages, /is another than the one that was archived in .*or the archive is of another log/);
    } finally {
      await other.remove();
    }
  });

  it('sees an old copy of the store that was put back, by its archives', async () => {
    await world.fill([4]);
    const aside = path.join(path.dirname(world.destination), 'old');
    world.database().change('VACUUM INTO ?', path.join(aside));
    await world.fill([5]);
    for (const name of ['upkeep.db', 'upkeep.db-wal', 'upkeep.db-shm', 'audit.ndjson'])
      await rm(path.join(world.state, name), { force: true });
    await cp(aside, path.join(world.state, 'upkeep.db'));
    assert.deepEqual(await problems(), ['audit.truncated 5 upkeep.db']);
    const refused = await world.archiveAudit();
    assert.equal(refused.outcome, 'failed');
    assert.match(refused.messages, /ends with entry 4, and .* holds entries up to 9: its end was cut off/);
  });

  it('holds the log against heads that were noted earlier', async () => {
    await world.fill([4], true);
    const { head } = await world.verify();
    assert.ok(head !== null);
    world.append(3, 0);
    const old = await world.verify();
    assert.deepEqual(await problems({ heads: [head] }), []);
    assert.deepEqual(await problems({ heads: [{ seq: 3, hash: genesis.hash }] }), ['audit.head 3 upkeep.db']);
    assert.deepEqual(await problems({ heads: [{ seq: 99, hash: genesis.hash }] }), ['audit.head 99 upkeep.db']);
    const unknown = await problems({ folders: [], heads: [{ seq: 3, hash: genesis.hash }] });
    assert.deepEqual(unknown, ['audit.unverified 1 upkeep.db', 'audit.head 3 upkeep.db']);
    // The end is cut off so that neither count nor copy shows it.
    const database = world.database();
    database.change('DELETE FROM audit WHERE seq > ?', head.seq);
    database.change("UPDATE sqlite_sequence SET seq = ? WHERE name = 'audit'", head.seq);
    await rm(path.join(world.state, 'audit.ndjson'));
    assert.deepEqual(await problems({ heads: [head] }), []);
    assert.ok(old.head !== null);
    assert.deepEqual(await problems({ heads: [old.head] }), [`audit.head ${old.head.seq} upkeep.db`]);
  });

  it('warns of trimmed entries whose archives were not looked at', async () => {
    await world.fill([4, 4], true);
    const [first = '', second = ''] = await world.archives();
    assert.deepEqual(await problems({ folders: [] }), ['audit.unverified 1 upkeep.db']);
    assert.deepEqual(await problems({ folders: [], files: [second] }), ['audit.unverified 1 upkeep.db']);
    assert.deepEqual(await problems({ folders: [], files: [second, first] }), []);
    assert.equal((await world.verify({ folders: [] })).ok, true);
  });

  it('an archive that was removed while the store has its entries is told, and made again by the next run', async () => {
    await world.fill([3, 3, 3]);
    const [, second = ''] = await world.archives();
    await rm(second);
    await rm(placesFor(second).manifest);
    assert.deepEqual(await problems(), ['audit.gap 4 archive']);
    const again = await world.archiveAudit();
    assert.deepEqual([again.outcome, again.audit?.due], ['changed', 3], again.messages);
    assert.deepEqual(await problems(), []);
  });

  it('reads beside an agent that writes and archives, of gzip too', async () => {
    world.append(2500, 120);
    assert.equal((await world.archiveAudit({}, { compression: 'gzip' })).outcome, 'changed');
    world.append(10, 120);
    const looking = world.verify();
    world.append(2500, 119);
    await world.archiveAudit();
    await world.trim();
    const { findings, entries } = await looking;
    assert.deepEqual(findings, []);
    assert.ok(entries >= 2, String(entries));
    assert.deepEqual(await problems(), []);
  });
});
