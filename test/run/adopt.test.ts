import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adoptProcess } from '../../agent/run/adopt.ts';
import { newRunId, RunDirectory } from '../../agent/run/directory.ts';
import { FakeClock } from '../schedule/fakeClock.ts';

describe('a process that another agent has started', () => {
  let root: string;
  let directory: RunDirectory;
  let clock: FakeClock;
  let ends: number;
  let unwatch: () => void;
  let onEnd: () => void;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'upkeep-adopt-'));
    clock = new FakeClock('2026-03-01T02:00:00Z');
    directory = RunDirectory.of(root, newRunId(new Date(clock.now()))) ?? assert.fail();
    directory.create();
    ends = 0;
    unwatch = () => undefined;
    onEnd = () => undefined;
  });
  afterEach(() => {
    unwatch();
    rmSync(root, { recursive: true });
  });
  /** `answers` of the looks, the last one for ever. */
  const adopt = (...answers: (boolean | Error)[]): { readonly looked: () => Promise<void>; looks: number } => {
    const state = { looks: 0, looked: () => new Promise<void>((resolve) => setImmediate(resolve)) };
    const alive = (): Promise<boolean> => {
      const answer = answers[Math.min(state.looks, answers.length - 1)] ?? false;
      state.looks += 1;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    };
    unwatch = adoptProcess(directory, alive, clock, () => {
      ends += 1;
      onEnd();
    });
    return state;
  };
  const writeExit = (): void => {
    writeFileSync(directory.exit, '{"code":0}');
  };

  it('has ended when it is gone, and that is told once', async () => {
    const state = adopt(true, false);
    await state.looked();
    assert.deepEqual([ends, clock.waiting], [0, 1]);
    clock.advance(2000);
    await state.looked();
    clock.advance(60_000);
    assert.deepEqual([ends, state.looks, clock.waiting], [1, 2, 0]);
  });

  it('has not ended because nobody could look', async () => {
    const state = adopt(new Error('EMFILE'), true);
    await state.looked();
    clock.advance(2000);
    await state.looked();
    assert.deepEqual([ends, state.looks], [0, 2]);
  });

  it('has not ended while it lives, though it has written an exit status itself, and is looked at more often then', async () => {
    writeExit();
    const state = adopt(true, true, true, true, false);
    await state.looked();
    for (const ms of [20, 40, 80]) {
      assert.deepEqual([ends, clock.waiting], [0, 1]);
      clock.advance(ms);
      await state.looked();
    }
    assert.deepEqual([ends, state.looks], [0, 4]);
    clock.advance(160);
    await state.looked();
    assert.deepEqual([ends, clock.waiting], [1, 0]);
  });

  it('is looked at as soon as its exit status comes', async () => {
    const state = adopt(true, false);
    await state.looked();
    const told = Promise.withResolvers<undefined>();
    onEnd = () => {
      told.resolve(undefined);
    };
    writeExit();
    await told.promise;
    assert.deepEqual([ends, state.looks, clock.waiting], [1, 2, 0]);
  });

  it('is not ended after nobody wants to know any more', async () => {
    const state = adopt(true, false);
    unwatch();
    await state.looked();
    clock.advance(60_000);
    writeExit();
    await state.looked();
    assert.deepEqual([ends, clock.waiting], [0, 0]);
  });

  it('is looked at where its folder can not be watched, or its exit status not be read', async () => {
    directory = new RunDirectory(join(root, 'gone'));
    const state = adopt(true, true, false);
    await state.looked();
    writeFileSync(directory.path, '');
    clock.advance(2000);
    await state.looked();
    assert.equal(ends, 0);
    clock.advance(2000);
    await state.looked();
    assert.equal(ends, 1);
    rmSync(directory.path);
    mkdirSync(directory.path);
  });
});
