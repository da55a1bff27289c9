import assert from 'node:assert/strict';
import { Channel, together } from '../../../agent/procedures/logs/channel.ts';

describe('a channel between lanes', () => {
  it('hands over in order, to who waits and to who comes later, and ends', async () => {
    const channel = new Channel<number>(new AbortController().signal);
    const first = channel.take();
    channel.push(1);
    channel.push(2);
    channel.end();
    assert.deepEqual([await first, await channel.take(), await channel.take()], [1, 2, null]);
  });

  it('tells the reason of an abort to who waits and to who comes later', async () => {
    const stop = new AbortController();
    const channel = new Channel<number>(stop.signal);
    const waiting = channel.take();
    stop.abort(new Error('enough'));
    await assert.rejects(waiting, /enough/);
    channel.push(1);
    await assert.rejects(channel.take(), /enough/);
  });

  it('ends lanes together: the first error wins, and counts once the others have ended', async () => {
    const stop = new AbortController();
    const channel = new Channel<number>(stop.signal);
    let ended = false;
    const waiting = async (): Promise<void> => {
      try {
        await channel.take();
      } finally {
        ended = true;
      }
    };
    await assert.rejects(together([waiting(), Promise.reject(new Error('first'))], stop), /first/);
    assert.equal(ended, true);
    await together([Promise.resolve()], new AbortController());
  });
});
