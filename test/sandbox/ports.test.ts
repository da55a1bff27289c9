import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choosePorts } from './ports.ts';

describe('ports of the sandbox', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-ports-'));
    file = join(folder, 'ports.json');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('are different, and the same again at the next start', async () => {
    const first = await choosePorts(file, ['a', 'b', 'c']);
    assert.equal(new Set(Object.values(first)).size, 3);
    assert.deepEqual(await choosePorts(file, ['a', 'b', 'c']), first);
  });

  it('avoid one that something else has taken', async () => {
    const first = await choosePorts(file, ['a', 'b']);
    const other = createServer().listen(first.a, '127.0.0.1');
    await once(other, 'listening');
    const second = await choosePorts(file, ['a', 'b']);
    assert.notEqual(second.a, first.a);
    assert.equal(second.b, first.b);
    other.close();
    await once(other, 'close');
  });

  it('are chosen anew when the saved ones can not be read', async () => {
    writeFileSync(file, '{ "a": "x"');
    assert.ok((await choosePorts(file, ['a'])).a > 0);
  });
});
