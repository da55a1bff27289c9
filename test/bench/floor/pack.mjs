// The least that Node can do to pack logs, none of it verified. Usage: pack.mjs gzip|zstd FILE: one file through one stream, as fast as
// it goes; pack.mjs each FOLDER: every file renamed, made anew, packed by gzip and removed, as a rotation does.
import {
  closeSync,
  createReadStream,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress, gzipSync } from 'node:zlib';

const [how, place] = process.argv.slice(2);
if (how === 'each') {
  for (const name of readdirSync(place)) {
    const file = join(place, name);
    renameSync(file, `${file}.1`);
    closeSync(openSync(file, 'wx', 0o644));
    writeFileSync(`${file}.1.gz`, gzipSync(readFileSync(`${file}.1`), { level: 6 }));
    unlinkSync(`${file}.1`);
  }
} else {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const packer =
    how === 'zstd' ? createZstdCompress({ chunkSize: 1 << 20 }) : createGzip({ level: 6, chunkSize: 1 << 20 });
  await pipeline(createReadStream(place, { highWaterMark: 1 << 20 }), packer, nowhere);
}
