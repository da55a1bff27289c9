import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkScript } from '../../agent/run/ownership.ts';

const isRoot = process.geteuid?.() === 0;
const nobody = 65_534;

describe('script that only root and the agent may change', () => {
  let folder: string;
  let script: string;
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'upkeep-owner-')));
    mkdirSync(join(folder, 'bin'), { mode: 0o755 });
    script = join(folder, 'bin', 'job.sh');
    writeFileSync(script, '#!/bin/sh\n', { mode: 0o755 });
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const refuses = (pattern: RegExp): void => {
    assert.throws(() => checkScript(script), pattern);
  };

  it('V32: is taken, and its SHA-256 is told', () => {
    assert.equal(checkScript(script), createHash('sha256').update('#!/bin/sh\n').digest('hex'));
  });

  it('V32: is refused when anybody may write it', () => {
    chmodSync(script, 0o757);
    refuses(/anybody may write the script .*chmod go-w/);
  });

  it('V32: is refused when anybody may write a folder on the way, unless that is sticky', () => {
    chmodSync(join(folder, 'bin'), 0o777);
    refuses(/anybody may write the folder .*bin/);
    chmodSync(join(folder, 'bin'), 0o1777);
    checkScript(script);
  });

  it('V32: is refused behind a link whose folder others may write', () => {
    const open = join(folder, 'open');
    mkdirSync(open);
    const link = join(open, 'link.sh');
    symlinkSync('../bin/job.sh', link);
    checkScript(link);
    chmodSync(open, 0o777);
    assert.throws(() => checkScript(link), /the folder .*open/);
    symlinkSync(open, join(folder, 'around'));
    assert.throws(() => checkScript(join(folder, 'around', 'link.sh')), /the folder .*open/);
  });

  it('V32: is refused when it is a folder, a loop of links, or not there', () => {
    assert.throws(() => checkScript(join(folder, 'bin')), /not a file|is a folder/);
    symlinkSync('loop', join(folder, 'loop'));
    assert.throws(() => checkScript(join(folder, 'loop')), /too many symbolic links/);
    assert.throws(() => checkScript(join(folder, 'missing')), /ENOENT/);
  });

  it('V32: is refused when it is the root folder', () => {
    assert.throws(() => checkScript('/'), /\/ is a folder: name a script/);
  });

  if (isRoot) {
    // daemon (1) has a group of its own on Debian, nobody (65534) shares nogroup.
    for (const [who, uid, taken] of [
      ['of the user alone', 1, true],
      ['that others may be in', nobody, false],
    ] as const) {
      it(`V32: is ${taken ? 'taken' : 'refused'} when a group ${who} may write it, and the agent is that user`, () => {
        const { geteuid } = process;
        chmodSync(script, 0o775);
        chownSync(script, uid, uid);
        process.geteuid = () => uid;
        try {
          if (taken) checkScript(script);
          else refuses(/the group 65534 may write the script/);
        } finally {
          if (geteuid !== undefined) process.geteuid = geteuid;
        }
      });
    }

    it('V32: is refused by an agent of root when a group may write it, or another user owns it or its folder', () => {
      chmodSync(script, 0o775);
      refuses(/the group 0 may write the script/);
      chmodSync(script, 0o755);
      chownSync(script, nobody, 0);
      refuses(/the script .* belongs to another user \(65534\)/);
      chownSync(script, 0, 0);
      chownSync(join(folder, 'bin'), nobody, 0);
      refuses(/the folder .* belongs to another user/);
    });
  }
});
