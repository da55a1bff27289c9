/** Frames that no client of ours sends, by kind; each with what must follow. */
import assert from 'node:assert/strict';
import { randomFrom } from '../random.ts';
import { requestFrame, validParams } from '../server/harness.ts';
import { frame, opcode, RawClient } from './rawClient.ts';

const valid = requestFrame(1, 'hello', validParams.hello);
const codes: readonly number[] = [1002, 1003, 1007, 1008, 1009];

/** Well-formed JSON of no use: an error for each, and the connection stays. */
const answered: readonly string[] = [
  '1',
  'null',
  '[]',
  '{}',
  '"hello"',
  `[${valid}]`,
  '{"jsonrpc":"2.0","id":1}',
  '{"jsonrpc":"1.0","id":1,"method":"hello"}',
  '{"jsonrpc":"2.0","id":{},"method":"hello"}',
  '{"jsonrpc":"2.0","id":1,"method":5}',
  '{"jsonrpc":"2.0","id":7,"method":"$/cancelRequest"}',
  requestFrame(1, '__proto__'),
  requestFrame(1, 'constructor', { __proto__: null }),
  requestFrame(1, 'no.such.method'),
  requestFrame(1, 'snapshot'),
  requestFrame(1, 'hello', [1]),
  requestFrame(1, 'hello', { client: 5 }),
  `{"jsonrpc":"2.0","id":1,"method":"hello","params":${'['.repeat(2000)}${']'.repeat(2000)}}`,
  requestFrame('x'.repeat(5000), 'hello'),
];

/** Each closes its connection. */
const closing: readonly ((random: (below: number) => number) => Buffer)[] = [
  () => frame('{"jsonrpc":"2.0",}'),
  () => frame(''),
  () => frame('\0'),
  (random) => frame(valid.slice(0, random(valid.length - 1))),
  () => frame(valid, { first: opcode.binary }),
  () => frame(Buffer.from([0xff, 0xfe, 0xc0])),
  () => frame(valid, { masked: false }),
  () => frame(valid, { first: opcode.text | 0x10 }),
  () => frame(valid, { first: opcode.text | 0x40 }),
  (random) => frame(valid, { first: 0x83 + random(5) }),
  () => frame(valid, { first: opcode.continuation }),
  () => frame('x'.repeat(200), { first: opcode.ping }),
  () => frame('', { first: 0x09 }),
  () => frame('x', { first: 0x88 }),
  () => frame(Buffer.from([0x03, 0xec]), { first: 0x88 }),
  () => frame('x', { told: 2 ** 31 }),
  () => Buffer.concat([frame(valid, { first: opcode.textStart }), frame(valid)]),
  () => Buffer.from([0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
];

/** Sends `frames` malformed frames, most on one connection, the rest on one each; returns how many had their effect. */
export async function malformed(listen: string, token: string, seed: number, frames: number): Promise<number> {
  const random = randomFrom(seed);
  const keeping = frames - 20;
  const socket = await RawClient.upgraded(listen, token);
  let answers = 0;
  socket.socket.on('data', (chunk: Buffer) => {
    answers += chunk.toString('latin1').split('"error":').length - 1;
  });
  for (let sent = 0; sent < keeping; sent += 1) await socket.write(frame(answered[random(answered.length)] ?? ''));
  await socket.until(() => answers >= keeping);
  assert.equal(answers, keeping);
  socket.end();
  for (let sent = keeping; sent < frames; sent += 1) {
    const client = await RawClient.upgraded(listen, token);
    if (random(2) === 0) await client.write(frame(valid));
    const kind = random(closing.length);
    await client.write(closing[kind]?.(random) ?? '');
    const code = await client.closeCode();
    assert.ok(codes.includes(code), `malformed frame ${kind} was closed with ${code}`);
  }
  return frames;
}
