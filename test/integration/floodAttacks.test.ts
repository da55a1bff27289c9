/**
 * Floods against a real agent over TCP, before and after login: its memory stays bounded and another client is served.
 * `UPKEEP_FULL=1` = the numbers of RELIABILITY.md; the memory of each attack is printed.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { createDeflateRaw, gzipSync } from 'node:zlib';
import { connect, type AgentClient } from '../../agent/cli/client.ts';
import { maxMessageBytes } from '../../agent/protocol/methods.ts';
import { requestFrame, validParams } from '../server/harness.ts';
import { AgentWorld, type AgentProcess } from './agentProcess.ts';
import { malformed } from './malformedFrames.ts';
import { MemoryWatch } from './memory.ts';
import { frame, opcode, RawClient } from './rawClient.ts';

const full = process.env['UPKEEP_FULL'] === '1';
const count = (short: number, long: number): number => (full ? long : short);
/** Of one attack, and of all of them one after the other: V8 keeps what it once had. */
const mostMegabytes = 100;
const mostInAll = 200;
const hello = frame(requestFrame(1, 'hello', validParams.hello));

describe('floods of an agent', function () {
  this.timeout(full ? 600_000 : 120_000);
  let world: AgentWorld;
  let agent: AgentProcess;
  let listen: string;
  let attacker: string;
  let other: AgentClient;
  let otherToken: string;
  let baseline: number;

  before(async () => {
    world = new AgentWorld();
    world.write('maintenance: {}\n');
    agent = await world.start(['--listen', '127.0.0.1:0', '--log-level', 'fatal']);
    listen = agent.listen ?? '';
    const token = async (name: string): Promise<string> =>
      (await world.command(['token', 'create', '--role', 'viewer', '--name', name])).stdout.trim();
    attacker = await token('attacker');
    otherToken = await token('other');
    other = await connect({ url: `ws://${listen}`, token: otherToken });
    for (let warm = 0; warm < 200; warm += 1) await other.request('runs.list', {});
    baseline = new MemoryWatch(agent.pid).before;
  });
  after(async () => {
    await other.close();
    await world.dispose();
  });

  /** Another client asks all the while, and a new one comes afterwards. */
  async function survived(title: string, attack: () => Promise<void>): Promise<void> {
    const memory = new MemoryWatch(agent.pid);
    const over = new AbortController();
    const asking = askUntil(other, over.signal);
    await attack().finally(() => {
      over.abort();
    });
    const { answers, slowestMs } = await asking;
    const late = await connect({ url: `ws://${listen}`, token: otherToken });
    await late.request('runs.list', {});
    await late.close();
    const grown = memory.growth();
    const inAll = memory.before + grown - baseline;
    const others = `another client had ${answers} answers, the slowest in ${slowestMs.toFixed(0)} ms`;
    console.log(`      ${title}: +${grown.toFixed(0)} MB (+${inAll.toFixed(0)} MB since the first); ${others}`);
    assert.ok(grown < mostMegabytes, `${title}: the agent grew by ${grown.toFixed(0)} MB`);
    assert.ok(inAll < mostInAll, `${title}: the agent has grown by ${inAll.toFixed(0)} MB`);
    assert.ok(answers > 0, 'nobody else was served');
  }

  it('V09: idle connections and upgrades without token', async () => {
    const total = count(600, 5000);
    await survived(`${total} idle connections`, async () => {
      const idle: RawClient[] = [];
      for (let made = 0; made < total; made += 1) idle.push(await RawClient.open(listen));
      // The newest may stay; each of them that stays, an older one had to go for.
      await Promise.all(idle.slice(0, total - 128).map(({ closed }) => closed));
      for (const client of idle) client.end();
    });
    await survived(`${total} upgrades without token`, () =>
      each(total, async () => {
        const client = await RawClient.open(listen);
        assert.equal(await client.upgrade(null), 401);
        await client.closed;
      }),
    );
  });

  it('V09: idle upgrades with a token', async () => {
    const total = count(600, 5000);
    const open: RawClient[] = [];
    const statuses = new Map<number, number>();
    await survived(`${total} idle upgrades with a token`, () =>
      each(total, async () => {
        const client = await RawClient.open(listen);
        const status = await client.upgrade(attacker);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status === 101) open.push(client);
      }),
    );
    assert.deepEqual(
      [...statuses.keys()].sort((one, another) => one - another),
      [101, 503],
    );
    for (const client of open) client.end();
    await Promise.all(open.map(({ closed }) => closed));
  });

  it('V09: handshakes of one byte a second, which are given up', async () => {
    await survived('50 slow handshakes', () =>
      Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const client = await RawClient.open(listen);
          const text = `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Number: ${index}${'x'.repeat(200)}`;
          let sent = 0;
          const timer = setInterval(() => {
            client.socket.write(text[sent++] ?? 'x');
          }, 1000);
          assert.equal(await client.status(), 408);
          await client.closed;
          clearInterval(timer);
        }),
      ).then(() => undefined),
    );
  });

  it('V09: 2,000 headers, one endless header, and bodies', async () => {
    const head = 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n';
    const bomb = gzipSync(Buffer.alloc(count(16, 128) * 1024 * 1024));
    await survived('headers and bodies without end', async () => {
      const answers = new Set<number>();
      await each(count(100, 1000), async (index) => {
        const client = await RawClient.open(listen);
        const many = Array.from({ length: 2000 }, (_, header) => `X-${header}: ${header}\r\n`).join('');
        const endless = `X: ${'y'.repeat(1024 * 1024)}`;
        void client.write(`${head}${index % 2 === 0 ? many : endless}\r\n\r\n`);
        answers.add(await client.status());
        client.end();
      });
      // Who is still sending when the agent closes may get a reset before the answer is read (RFC 9112, 9.6).
      answers.delete(Number.NaN);
      assert.deepEqual([...answers], [431]);
      const client = await RawClient.open(listen);
      void client.write(
        `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`,
      );
      void client.write(bomb);
      assert.equal(await client.status(), 415);
      client.end();
    });
  });

  it('V09: requests sent ahead by a client that reads no answer', async () => {
    const requests = 'GET /openrpc.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(1000);
    await survived('pipelined requests, unread', async () => {
      const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.open(listen)));
      for (const { socket } of clients) {
        socket.pause();
        for (let sent = 0; sent < count(5, 100); sent += 1) socket.write(requests);
      }
      for (let asked = 0; asked < 50; asked += 1) await other.request('runs.list', {});
      for (const client of clients) client.end();
    });
  });

  for (const when of ['before', 'after'] as const) {
    const upgraded = async (): Promise<RawClient> => {
      const client = await RawClient.upgraded(listen, attacker);
      if (when === 'after') await client.write(hello);
      return client;
    };

    it(`V09: frames of 100 MB and above ${when} hello, closed with 1009`, async () => {
      await survived(`frames of 100 MB ${when} hello`, () =>
        each(count(10, 50), async (index) => {
          const client = await upgraded();
          const told = [100 * 1024 * 1024, maxMessageBytes + 1, 2 ** 40][index % 3] ?? 0;
          const piece = Buffer.alloc(256 * 1024, 'x');
          await client.write(frame(piece, { told }));
          for (let sent = 1; sent < count(40, 400) && !client.socket.closed; sent += 1) await client.write(piece);
          assert.equal(await client.closeCode(), 1009);
        }),
      );
    });

    it(`V09: a million fragments ${when} hello, closed with 1008`, async () => {
      await survived(`fragments ${when} hello`, () =>
        each(4, async (index) => {
          const client = await upgraded();
          const piece = index % 2 === 0 ? 'x' : '';
          await client.write(frame(piece, { first: opcode.textStart }));
          const batch = Buffer.concat(Array.from({ length: 1000 }, () => frame(piece, { first: opcode.continuation })));
          for (let sent = 0; sent < count(50, 1000) && !client.socket.closed; sent += 1) await client.write(batch);
          assert.equal(await client.closeCode(), 1008);
        }),
      );
    });

    it(`V09: a compressed bomb ${when} hello, closed without unpacking it`, async () => {
      const bomb = await deflated(count(64, 1024));
      assert.ok(bomb.length < maxMessageBytes * 1.1);
      await survived(`${(bomb.length / 1024).toFixed(0)} KB that unpack to ${count(64, 1024)} MB ${when} hello`, () =>
        each(4, async () => {
          const client = await upgraded();
          await client.write(frame(bomb.subarray(0, maxMessageBytes), { first: opcode.text | 0x40 }));
          assert.equal(await client.closeCode(), 1002);
        }),
      );
    });

    it(`V09: a flood of pings ${when} hello, read and unread`, async () => {
      const batch = Buffer.concat(Array.from({ length: 1000 }, () => frame(Buffer.alloc(125), { first: opcode.ping })));
      await survived(`pings ${when} hello`, () =>
        each(8, async (index) => {
          const client = await upgraded();
          if (index % 2 === 0) client.socket.pause();
          for (let sent = 0; sent < count(100, 1000) && !client.socket.closed; sent += 1) await client.write(batch);
          client.end();
        }),
      );
    });

    it(`V09: messages that are begun on every connection and never finished ${when} hello`, async () => {
      await survived(`100 unfinished messages ${when} hello`, async () => {
        const clients: RawClient[] = [];
        for (let made = 0; made < 95; made += 1) clients.push(await upgraded());
        const most = Buffer.alloc(maxMessageBytes - 1, 'x');
        await Promise.all(clients.map((client) => client.write(frame(most, { told: maxMessageBytes }))));
        for (let asked = 0; asked < 50; asked += 1) await other.request('runs.list', {});
        for (const client of clients) client.end();
        await Promise.all(clients.map(({ closed }) => closed));
      });
    });
  }

  it('V07: 10,000 wrong tokens are slowed down, and no other address with them', async () => {
    const total = count(2000, 10_000);
    const statuses = new Map<number, number>();
    await survived(`${total} wrong tokens from one address`, () =>
      each(total, async (index) => {
        const client = await RawClient.open(listen, { from: '127.0.0.66' });
        const status = await client.upgrade(`${otherToken.slice(0, -8)}${index.toString(36).padStart(8, '0')}`);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        await client.closed;
      }),
    );
    // Five are free; after that one for each wait that was served, of 1, 2, 4 … 60 s.
    const looked = statuses.get(401) ?? 0;
    assert.ok(looked >= 6 && looked < 40, `${looked} tokens were looked at`);
    assert.equal(statuses.get(429), total - looked);
    // A token that is looked at begins a longer wait; what is left of the one before may be over any moment.
    const statusOf = async (token: string): Promise<number> =>
      (await RawClient.open(listen, { from: '127.0.0.66' })).upgrade(token);
    while ((await statusOf('wrong')) === 429);
    assert.equal(await statusOf(otherToken), 429);
    const free = await RawClient.upgraded(listen, otherToken, { from: '127.0.0.67' });
    free.end();
    await survived('wrong tokens from 500 addresses', () =>
      each(500, async (index) => {
        const client = await RawClient.open(listen, { from: `127.0.${1 + (index >> 8)}.${index & 255}` });
        assert.equal(await client.upgrade('wrong'), 401);
        await client.closed;
      }),
    );
    assert.doesNotMatch(agent.log(), /upkeep_/);
  });

  it('V09: 10,000 malformed frames, each answered with an error or closed with the code that fits', async () => {
    const total = 10_000;
    let done = 0;
    await survived(`${total} malformed frames`, () =>
      each(total / 50, async (index) => {
        const effects = await malformed(listen, attacker, index, 50);
        done += effects;
      }),
    );
    assert.equal(done, total);
  });
});

/** Asks until the signal, at the pace of a busy editor. */
async function askUntil(client: AgentClient, over: AbortSignal): Promise<{ answers: number; slowestMs: number }> {
  let answers = 0;
  let slowestMs = 0;
  while (!over.aborted) {
    const from = performance.now();
    await client.request('runs.list', {});
    slowestMs = Math.max(slowestMs, performance.now() - from);
    answers += 1;
    await delay(5);
  }
  return { answers, slowestMs };
}

/** Does it so often, some at a time. */
async function each(times: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < times) await work(next++);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

/** So many megabytes of zeros, deflated: a thousandth of it. */
async function deflated(megabytes: number): Promise<Buffer> {
  const deflate = createDeflateRaw({ level: 9 });
  const pieces: Buffer[] = [];
  deflate.on('data', (piece: Buffer) => pieces.push(piece));
  const { promise, resolve } = Promise.withResolvers<undefined>();
  deflate.once('end', () => {
    resolve(undefined);
  });
  const zeros = Buffer.alloc(1024 * 1024);
  for (let written = 0; written < megabytes; written += 1) deflate.write(zeros);
  deflate.end();
  await promise;
  return Buffer.concat(pieces);
}
