import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AnswerRoom } from '../../agent/server/answerRoom.ts';

const never = new AbortController().signal;

describe('room for answers (F16)', () => {
  it('is given to one request after the other, in their order', async () => {
    const room = new AnswerRoom(() => 0);
    const order: number[] = [];
    const places = [1, 2, 3].map((number) => {
      const place = room.place(never);
      void place.enter().then(() => order.push(number));
      return place;
    });
    for (const [index, place] of places.entries()) {
      await nextTurn();
      assert.deepEqual(order, [1, 2, 3].slice(0, index + 1));
      place.leave();
      await nextTurn();
    }
  });

  it('is there only while little waits in the socket', async () => {
    let buffered = 10_000_000;
    const room = new AnswerRoom(() => buffered);
    let entered = false;
    void room
      .place(never)
      .enter()
      .then(() => (entered = true));
    room.look();
    await nextTurn();
    assert.equal(entered, false);
    buffered = 0;
    room.look();
    await nextTurn();
    assert.equal(entered, true);
  });

  it('is not waited for by a request that was taken back, and goes to the next', async () => {
    const room = new AnswerRoom(() => 0);
    const first = room.place(never);
    await first.enter();
    const gone = new AbortController();
    const second = room.place(gone.signal).enter();
    const third = room.place(never).enter();
    gone.abort(new Error('taken back'));
    await assert.rejects(second, /taken back/);
    await assert.rejects(room.place(gone.signal).enter(), /taken back/);
    first.leave();
    await third;
  });

  it('is left by a request that never entered without a trace', async () => {
    const room = new AnswerRoom(() => 0);
    const first = room.place(never);
    await first.enter();
    room.place(never).leave();
    await nextTurn();
    let entered = false;
    void room
      .place(never)
      .enter()
      .then(() => (entered = true));
    await nextTurn();
    assert.equal(entered, false);
  });
});
