import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import * as z from 'zod';
import { launch, RunDirectory } from '../../agent/run/directory.ts';
import { MaskAtRest, maskRun } from '../../agent/run/maskAtRest.ts';
import { writeCut } from '../../agent/run/outputCut.ts';
import { endedRun, newRun } from '../../agent/run/request.ts';
import { Masker } from '../../agent/secrets/masker.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';
import { request, silent } from './harness.ts';

const secret = 'planted-secret';
const stars = '*'.repeat(secret.length);

describe('files of ended runs', () => {
  let folder: string;
  let directory: RunDirectory;
  const now = Date.parse('2026-01-02T03:04:05Z');
  const id = '20260102T030405-0123abcd';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-at-rest-'));
    directory = RunDirectory.of(join(folder, 'runs'), id) ?? assert.fail();
    directory.create();
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const masking = (secrets = new Secrets([secret])): MaskAtRest =>
    new MaskAtRest({ marks: join(folder, 'unmasked'), root: join(folder, 'runs'), secrets, log: silent });

  it('V05: hold no secret: output, results, block and records, with every byte in its place', async () => {
    const run = { ...newRun(request(['x'], { reason: `because ${secret}` }), now), id };
    directory.writeLaunch(launch.parse({ run, command: ['a', secret], deadline: null, alertOn: 'nothing' }));
    directory.writeEnd(endedRun(run, 'failed', `it said ${secret}`, now));
    writeFileSync(directory.script, `echo ${secret}\n`, { mode: 0o600 });
    writeFileSync(directory.results, `${JSON.stringify({ message: `a\n${secret} "${secret}"` })}\n`);
    // Across every boundary of the pieces in which it is read.
    const output = Buffer.alloc(3 * 1024 * 1024, `0123456789${secret}\n`);
    writeFileSync(directory.output, output, { mode: 0o600 });
    assert.equal(await maskRun(directory, new Masker([secret])), true);
    const hidden = output.toString('latin1').replaceAll(secret, stars);
    assert.equal(readFileSync(directory.output, 'latin1') === hidden, true);
    for (const name of readdirSync(directory.path)) {
      const bytes = readFileSync(join(directory.path, name), 'latin1');
      assert.equal(bytes.includes(secret), false, name);
      assert.equal(statSync(join(directory.path, name)).mode & 0o777, 0o600, name);
    }
    assert.deepEqual(JSON.parse(readFileSync(directory.results, 'utf8')), { message: `a\n${stars} "${stars}"` });
    assert.deepEqual(directory.readLaunch()?.command, ['a', stars]);
  });

  it('stay readable when a secret begins in the middle of an escape, or is a word of the record', async () => {
    const run = { ...newRun(request(['x']), now), id };
    directory.writeLaunch(launch.parse({ run, command: ['a'], deadline: null, alertOn: 'nothing' }));
    writeFileSync(directory.results, `${JSON.stringify({ message: 'a\nasty-secret' })}\n`);
    await maskRun(directory, new Masker(['nasty-secret', 'manual']));
    assert.deepEqual(JSON.parse(readFileSync(directory.results, 'utf8')), { message: `a\n${'*'.repeat(11)}` });
    assert.equal(directory.readLaunch()?.run.trigger, 'manual');
  });

  it('are not read where their middle was given back', async () => {
    const size = 64 * 1024 * 1024;
    writeFileSync(directory.output, `head ${secret}`);
    truncateSync(directory.output, size);
    appendFileSync(directory.output, `tail ${secret}`);
    writeCut(directory.output, { from: 4096, to: size - 4096, shift: 0 });
    await maskRun(directory, new Masker([secret]));
    const bytes = readFileSync(directory.output);
    assert.deepEqual(
      [
        bytes.subarray(0, 19).toString(),
        bytes.subarray(size).toString(),
        statSync(directory.output).blocks * 512 < size,
      ],
      [`head ${stars}`, `tail ${stars}`, true],
    );
  });

  it('are made up for by the next agent when one dies before they are done, and not touched while the run goes on', async () => {
    writeFileSync(directory.output, secret);
    masking().begin(id);
    const other = masking();
    other.start(new Set([id]));
    await other.settled();
    assert.equal(readFileSync(directory.output, 'utf8'), secret);
    const next = masking();
    next.start(new Set());
    await next.settled();
    assert.equal(readFileSync(directory.output, 'utf8'), stars);
    assert.deepEqual(readdirSync(join(folder, 'unmasked')), []);
  });

  it('keep their mark when the agent stops in between, and lose it when the run is gone', async () => {
    writeFileSync(directory.output, secret);
    const first = masking();
    first.begin(id);
    first.ended(id);
    await first.stop();
    assert.equal(existsSync(join(folder, 'unmasked', id)), true);
    rmSync(directory.path, { recursive: true });
    const next = masking();
    next.start(new Set());
    await next.settled();
    assert.deepEqual(readdirSync(join(folder, 'unmasked')), []);
  });

  it('are left alone where a run has put a link or a pipe in their place', async () => {
    const elsewhere = join(folder, 'elsewhere');
    writeFileSync(elsewhere, secret);
    symlinkSync(elsewhere, directory.output);
    rmSync(directory.results);
    execFileSync('mkfifo', [directory.results, join(directory.path, 'run.json')]);
    symlinkSync(elsewhere, join(directory.path, 'end.json'));
    assert.equal(await maskRun(directory, new Masker([secret])), true);
    assert.equal(readFileSync(elsewhere, 'utf8'), secret);
  });

  it('cost nothing where there are no secrets', async () => {
    masking(new Secrets()).begin(id);
    assert.equal(existsSync(join(folder, 'unmasked')), false);
    assert.equal(await maskRun(directory, new Masker([])), true);
  });

  /** A masking that keeps what it warns of, and calls on each warning. */
  const warning = (onWarning: () => void): { readonly masks: MaskAtRest; readonly warned: string[] } => {
    const warned: string[] = [];
    const log = pino(
      {},
      {
        write: (line) => {
          warned.push(z.object({ msg: z.string() }).parse(JSON.parse(line)).msg);
          onWarning();
        },
      },
    );
    const parts = { marks: join(folder, 'unmasked'), root: join(folder, 'runs'), secrets: new Secrets([secret]), log };
    return { masks: new MaskAtRest(parts), warned };
  };

  it('V05: are done though a run before it could not be, and though that ended in that very moment', async () => {
    const bad = '20260102T030405-ffffffff';
    const broken = RunDirectory.of(join(folder, 'runs'), bad) ?? assert.fail();
    broken.create();
    mkdirSync(join(broken.path, 'output.cut.json'));
    writeFileSync(directory.output, secret);
    const { masks, warned } = warning(() => {
      queueMicrotask(() => {
        masks.ended(id);
      });
    });
    masks.begin(bad);
    masks.begin(id);
    masks.ended(bad);
    await masks.settled();
    await new Promise((resolve) => setImmediate(resolve));
    await masks.settled();
    assert.deepEqual(warned, ['secrets could not be taken out of the files of a run; the next agent tries again']);
    assert.equal(readFileSync(directory.output, 'utf8'), stars);
    assert.deepEqual(readdirSync(join(folder, 'unmasked')), [bad]);
  });

  it('are done at their end though no mark could be made for the case of a crash, and that is said', async () => {
    writeFileSync(join(folder, 'unmasked'), '');
    writeFileSync(directory.output, secret);
    const { masks, warned } = warning(() => undefined);
    masks.begin(id);
    masks.begin(id);
    assert.match(warned.join(), /^no mark could be made for a run: a crash could leave secrets in its files$/);
    assert.throws(() => {
      masks.start(new Set());
    }, /ENOTDIR/);
    masks.ended(id);
    await masks.settled();
    assert.equal(readFileSync(directory.output, 'utf8'), stars);
  });

  it('are not touched for a run that was never marked, nor after the stop of the agent', async () => {
    writeFileSync(directory.output, secret);
    const masks = masking();
    masks.ended(id);
    masks.begin(id);
    await masks.stop();
    masks.ended(id);
    await masks.settled();
    assert.equal(readFileSync(directory.output, 'utf8'), secret);
  });

  it('are left half done when the agent stops in the middle, whole in their length and done by the next', async () => {
    writeFileSync(directory.output, Buffer.alloc(1024 * 1024, `${secret}\n`));
    let pieces = 0;
    assert.equal(await maskRun(directory, new Masker([secret]), () => (pieces += 1) < 3), false);
    const half = readFileSync(directory.output, 'latin1');
    assert.deepEqual([half.length, half.startsWith(stars), half.includes(secret)], [1024 * 1024, true, true]);
    assert.equal(await maskRun(directory, new Masker([secret])), true);
    assert.equal(readFileSync(directory.output, 'latin1').includes(secret), false);
  });

  it('are masked from behind an escape on, also one of four digits', async () => {
    writeFileSync(directory.results, '{"message":"a\\u0007bell-secret"}\n');
    await maskRun(directory, new Masker(['u0007bell-secret']));
    assert.deepEqual(JSON.parse(readFileSync(directory.results, 'utf8')), { message: 'a\u0007***********' });
  });

  it('are masked, too, in a record that is no JSON any more', async () => {
    writeFileSync(join(directory.path, 'run.json'), `{"half": "${secret}`);
    await maskRun(directory, new Masker([secret]));
    assert.equal(readFileSync(join(directory.path, 'run.json'), 'utf8').includes(secret), false);
  });

  it('that can not be opened are a failure, not nothing to do', async () => {
    const other = new RunDirectory(directory.results);
    await assert.rejects(maskRun(other, new Masker([secret])), /ENOTDIR/);
  });
});
