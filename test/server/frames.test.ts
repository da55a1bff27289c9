import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeCodes, errorCodes } from '../../agent/protocol/errors.ts';
import { maxMessageBytes, maxOpenRequests, maxWaitingReads } from '../../agent/protocol/methods.ts';
import { randomFrom, type Random } from '../random.ts';
import { ask, bearer, closeCodeOf, requestFrame, startHarness, validParams, type Harness } from './harness.ts';

describe('frames of a client', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await startHarness();
  });
  afterEach(() => harness.dispose());

  const answered: readonly [title: string, frame: string, id: number | string | null, code: number][] = [
    ['a number', '1', null, errorCodes.invalidRequest],
    ['null', 'null', null, errorCodes.invalidRequest],
    ['a string', '"hello"', null, errorCodes.invalidRequest],
    ['an empty object', '{}', null, errorCodes.invalidRequest],
    ['an empty batch', '[]', null, errorCodes.invalidRequest],
    ['a batch', `[${requestFrame(1, 'hello', validParams.hello)}]`, null, errorCodes.invalidRequest],
    ['no jsonrpc', '{"id":1,"method":"hello"}', 1, errorCodes.invalidRequest],
    ['jsonrpc 1.0', '{"jsonrpc":"1.0","id":1,"method":"hello"}', 1, errorCodes.invalidRequest],
    ['a null id', '{"jsonrpc":"2.0","id":null,"method":"hello"}', null, errorCodes.invalidRequest],
    ['an object as id', '{"jsonrpc":"2.0","id":{},"method":"hello"}', null, errorCodes.invalidRequest],
    ['a fraction as id', '{"jsonrpc":"2.0","id":1.5,"method":"hello"}', null, errorCodes.invalidRequest],
    ['a number as method', '{"jsonrpc":"2.0","id":1,"method":5}', 1, errorCodes.invalidRequest],
    ['an empty method', '{"jsonrpc":"2.0","id":"a","method":""}', 'a', errorCodes.invalidRequest],
    ['a huge method name', requestFrame(1, 'x'.repeat(5000)), 1, errorCodes.invalidRequest],
    [
      'a cancel without parameters',
      '{"jsonrpc":"2.0","id":7,"method":"$/cancelRequest"}',
      7,
      errorCodes.methodNotFound,
    ],
    ['an unknown method', requestFrame(1, 'nothing'), 1, errorCodes.methodNotFound],
    ['__proto__ as method', requestFrame(1, '__proto__'), 1, errorCodes.methodNotFound],
    ['constructor as method', requestFrame(1, 'constructor'), 1, errorCodes.methodNotFound],
    ['toString as method', requestFrame(1, 'toString'), 1, errorCodes.methodNotFound],
    ['a request before hello', requestFrame(1, 'snapshot'), 1, errorCodes.notReady],
    ['parameters by position', requestFrame(1, 'hello', [1]), 1, errorCodes.invalidParams],
    ['a text as parameters', requestFrame(1, 'hello', 'x'), 1, errorCodes.invalidParams],
    ['no parameters', '{"jsonrpc":"2.0","id":1,"method":"hello"}', 1, errorCodes.invalidParams],
    [
      'deep nesting',
      `{"jsonrpc":"2.0","id":1,"method":"hello","params":${'['.repeat(5000)}${']'.repeat(5000)}}`,
      1,
      errorCodes.invalidRequest,
    ],
  ];
  for (const [title, frame, id, code] of answered) {
    it(`answers ${title} with error ${code} and keeps the connection`, async () => {
      const socket = await harness.open();
      const answer = (await ask(socket, frame)) as { id: unknown; error: { code: number } };
      assert.deepEqual([answer.id, answer.error.code], [id, code]);
      const hello = (await ask(socket, requestFrame(99, 'hello', validParams.hello))) as { id: number; result: object };
      assert.equal(hello.id, 99);
      assert.ok('protocol' in hello.result);
    });
  }

  const skipped: readonly [title: string, frame: string][] = [
    ['an unknown notification', '{"jsonrpc":"2.0","method":"news"}'],
    ['a log notification', '{"jsonrpc":"2.0","method":"$/logTrace","params":{"message":"x"}}'],
    ['progress without parameters', '{"jsonrpc":"2.0","method":"$/progress"}'],
    ['a cancel of nothing', '{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":5}}'],
    ['a cancel without id', '{"jsonrpc":"2.0","method":"$/cancelRequest"}'],
    ['an answer to nothing', '{"jsonrpc":"2.0","id":1,"result":null}'],
  ];
  for (const [title, frame] of skipped) {
    it(`skips ${title}`, async () => {
      const socket = await harness.open();
      socket.send(frame);
      const hello = (await ask(socket, requestFrame(1, 'hello', validParams.hello))) as { id: number };
      assert.equal(hello.id, 1);
    });
  }

  it('answers what is not JSON with a parse error and closes with 1007', async () => {
    for (const frame of ['', '{', '{"jsonrpc":"2.0",}', 'GET / HTTP/1.1', '\u0000']) {
      const socket = await harness.open();
      const closed = closeCodeOf(socket);
      const answer = (await ask(socket, frame)) as { id: null; error: { code: number } };
      assert.deepEqual([answer.id, answer.error.code], [null, errorCodes.parseError]);
      assert.equal(await closed, closeCodes.invalidPayload);
    }
  });

  it('closes on binary, oversized and badly encoded frames', async () => {
    const binary = await harness.open();
    binary.send(Buffer.from(requestFrame(1, 'hello', validParams.hello)), { binary: true });
    assert.equal(await closeCodeOf(binary), closeCodes.unsupportedData);
    const oversized = await harness.open();
    oversized.send('x'.repeat(maxMessageBytes + 1));
    assert.equal(await closeCodeOf(oversized), closeCodes.messageTooBig);
    const encoded = await harness.open();
    encoded.send(Buffer.from([0xff, 0xfe]), { binary: false });
    assert.equal(await closeCodeOf(encoded), closeCodes.invalidPayload);
  });

  it('closes a message of endless fragments', async () => {
    const socket = await harness.open();
    const closed = closeCodeOf(socket);
    for (let count = 0; count < 20_000; count += 1) socket.send('x', { fin: false });
    assert.equal(await closed, closeCodes.policyViolation);
  });

  it('survives 1,000 malformed frames on 20 connections while it serves another (V09)', async () => {
    const other = await harness.client('viewer');
    const random = randomFrom(42);
    const valid = requestFrame(1, 'hello', validParams.hello);
    for (let round = 0; round < 20; round += 1) {
      const socket = await harness.open();
      const closed = once(socket, 'close');
      for (let count = 0; count < 50; count += 1) socket.send(mutated(valid, random));
      socket.close();
      await closed;
      await assert.rejects(other.request('runs.get', { runId: 'x' }), /reached/);
    }
    assert.deepEqual(
      harness.log.filter(({ level }) => level === 'error'),
      [],
    );
  });

  it('lets so many requests wait and refuses the next', async () => {
    await harness.dispose();
    const gate = Promise.withResolvers<undefined>();
    harness = await startHarness({
      handlers: { 'windows.list': () => gate.promise.then(() => ({ windows: [] })) },
    });
    const client = await harness.client('viewer');
    const waiting = Array.from({ length: maxOpenRequests }, () => client.request('windows.list', {}));
    await assert.rejects(client.request('windows.list', {}), { errorName: 'tooManyRequests' });
    gate.resolve(undefined);
    assert.equal((await Promise.all(waiting)).length, maxOpenRequests);
    assert.deepEqual(await client.request('windows.list', {}), { windows: [] });
  });

  it('lets so many reads wait for output and refuses the next; others are answered all the same (F16)', async () => {
    await harness.dispose();
    const gate = Promise.withResolvers<undefined>();
    const piece = { offset: 0, nextOffset: 0, encoding: 'utf8' as const, text: '', size: 0, ended: false };
    harness = await startHarness({
      handlers: {
        'runs.output': ({ wait }) => (wait === true ? gate.promise.then(() => piece) : piece),
        'windows.list': () => ({ windows: [] }),
      },
    });
    const client = await harness.client('viewer');
    const read = (wait: boolean): Promise<unknown> => client.request('runs.output', { runId: 'a', offset: 0, wait });
    const waiting = Array.from({ length: maxWaitingReads }, () => read(true));
    await assert.rejects(read(true), { errorName: 'tooManyRequests' });
    assert.deepEqual(await read(false), piece);
    assert.deepEqual(await client.request('windows.list', {}), { windows: [] });
    gate.resolve(undefined);
    assert.equal((await Promise.all(waiting)).length, maxWaitingReads);
    assert.deepEqual(await read(true), piece);
  });

  it('refuses the id of a request that is not answered yet', async () => {
    await harness.dispose();
    const gate = Promise.withResolvers<undefined>();
    harness = await startHarness({
      handlers: { 'windows.list': () => gate.promise.then(() => ({ windows: [] })) },
    });
    const socket = await harness.open();
    await ask(socket, requestFrame(1, 'hello', validParams.hello));
    socket.send(requestFrame(2, 'windows.list'));
    const refused = (await ask(socket, requestFrame('2', 'windows.list'))) as { id: null; error: { code: number } };
    assert.deepEqual([refused.id, refused.error.code], [null, errorCodes.invalidRequest]);
    const answer = once(socket, 'message') as Promise<[Buffer]>;
    gate.resolve(undefined);
    assert.deepEqual(JSON.parse((await answer)[0].toString()), { jsonrpc: '2.0', id: 2, result: { windows: [] } });
  });

  it('stops reading from a client that does not read its answers', async () => {
    await harness.dispose();
    const filler = 'x'.repeat(100_000);
    let calls = 0;
    harness = await startHarness({
      handlers: {
        'runs.output': () => {
          calls += 1;
          return { offset: 0, nextOffset: 0, encoding: 'utf8', text: filler, size: 0, ended: true };
        },
      },
    });
    const socket = await harness.open();
    await ask(socket, requestFrame(0, 'hello', validParams.hello));
    socket.pause();
    const total = 400;
    const frames = Array.from({ length: total }, (_, index) =>
      requestFrame(index + 1, 'runs.output', { runId: `run-${'y'.repeat(2000)}`, offset: 0 }),
    );
    for (const frame of frames) socket.send(frame);
    const other = await harness.client('viewer');
    for (let count = 0; count < 20; count += 1) await other.request('runs.output', { runId: 'run-2', offset: 0 });
    assert.ok(calls < total / 2, `${calls} of ${total} requests were taken although no answer was read`);
    let answers = 0;
    const all = Promise.withResolvers<undefined>();
    socket.on('message', () => {
      answers += 1;
      if (answers === total) all.resolve(undefined);
    });
    socket.resume();
    await all.promise;
  });

  it('is not moved by hostile upgrade headers', async () => {
    const answer = await harness.raw(
      'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        `Sec-WebSocket-Key: short\r\nAuthorization: ${bearer('admin-token')['Authorization'] ?? ''}\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 400 /);
    const socket = await harness.open({ perMessageDeflate: true });
    assert.equal(socket.extensions, '');
  });
});

/** One character replaced, dropped or doubled, or the rest cut off. */
function mutated(text: string, random: Random): string {
  const at = random(text.length);
  const noise = ['"', '{', '[', '\\', '\u0000', '9', '😀', '}'][random(8)] ?? '';
  const kind = random(4);
  if (kind === 0) return text.slice(0, at) + noise + text.slice(at + 1);
  if (kind === 1) return text.slice(0, at) + text.slice(at + 1);
  if (kind === 2) return text.slice(0, at) + noise + noise + text.slice(at);
  return text.slice(0, at);
}
