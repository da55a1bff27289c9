import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeCodes, errorCodes } from '../../agent/protocol/errors.ts';
import { methods, protocolVersion, type MethodName } from '../../agent/protocol/methods.ts';
import { roles } from '../../agent/protocol/nouns.ts';
import { RequestError } from '../../agent/server/requestError.ts';
import { AgentRequestError, connect } from '../../agent/cli/client.ts';
import { ask, closeCodeOf, host, reached, requestFrame, startHarness, validParams, type Harness } from './harness.ts';

const names = Object.keys(methods) as MethodName[];

describe('a session', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await startHarness();
  });
  afterEach(() => harness.dispose());

  it('answers hello with what it is and who asks', async () => {
    const { hello } = await harness.client('operator');
    assert.deepEqual(
      { ...hello, capabilities: [], now: '' },
      { protocol: protocolVersion, capabilities: [], host, role: 'operator', actor: 'operator-name', now: '' },
    );
  });

  it('refuses a second hello', async () => {
    const client = await harness.client('viewer');
    await assert.rejects(client.request('hello', validParams.hello), { errorName: 'notReady' });
  });

  it('serves a newer client that still speaks this version', async () => {
    const socket = await harness.open();
    const params = { client: 'new', protocol: protocolVersion + 5, oldestProtocol: protocolVersion };
    const answer = (await ask(socket, requestFrame(1, 'hello', params))) as { result: { protocol: number } };
    assert.equal(answer.result.protocol, protocolVersion);
  });

  it('refuses clients of other versions, says who must update, and closes', async () => {
    const cases = [
      [{ protocol: protocolVersion + 5, oldestProtocol: protocolVersion + 1 }, /update the agent/],
      [{ protocol: 0, oldestProtocol: 0 }, /update the client/],
    ] as const;
    for (const [versions, message] of cases) {
      const socket = await harness.open();
      const closed = closeCodeOf(socket);
      const answer = (await ask(socket, requestFrame(1, 'hello', { client: 'x', ...versions }))) as {
        error: { code: number; message: string };
      };
      assert.equal(answer.error.code, errorCodes.versionMismatch);
      assert.match(answer.error.message, message);
      assert.equal(await closed, closeCodes.versionMismatch);
    }
  });

  it('closes a connection that says no hello in time', async () => {
    await harness.dispose();
    harness = await startHarness({ limits: { helloMs: 30 } });
    const socket = await harness.open();
    assert.equal(await closeCodeOf(socket), closeCodes.helloTimeout);
  });

  it('lets each role use exactly the methods of the table (V14)', async () => {
    for (const role of roles) {
      const client = await harness.client(role);
      for (const method of names.filter((name) => name !== 'hello')) {
        const allowed = roles.indexOf(role) >= roles.indexOf(methods[method].role);
        const seen = await client.request(method, validParams[method]).then(
          () => 'answered',
          (error: unknown) => (error instanceof AgentRequestError ? error.errorName : String(error)),
        );
        const expected = allowed ? (method === 'events.subscribe' ? 'answered' : 'conflict') : 'forbidden';
        assert.equal(seen, expected, `${role} ${method}`);
      }
    }
  });

  it('tells who lacks which role', async () => {
    const client = await harness.client('viewer');
    await assert.rejects(client.request('tasks.run', validParams['tasks.run']), {
      code: errorCodes.forbidden,
      message: 'tasks.run needs the role operator; viewer-name is viewer',
    });
  });

  it('names the parameter that is wrong, never its value', async () => {
    const socket = await harness.open();
    await ask(socket, requestFrame(0, 'hello', validParams.hello));
    const cases: readonly [method: MethodName, params: unknown, message: RegExp][] = [
      ['runs.get', {}, /^runs\.get: runId: /],
      ['runs.get', { runId: 5 }, /^runs\.get: runId: /],
      ['runs.output', { runId: 'secret', offset: -1 }, /^runs\.output: offset: /],
      ['runs.output', { runId: 'secret', offset: 1.5 }, /^runs\.output: offset: /],
      ['runs.list', { limit: 501 }, /^runs\.list: limit: /],
      ['runs.list', { before: 'secret' }, /^runs\.list: before: /],
      ['windows.open', { ...validParams['windows.open'], plan: ['a', 5] }, /^windows\.open: plan\.1: /],
      ['tasks.run', { task: 'secret', requestId: 'short' }, /^tasks\.run: requestId: /],
    ];
    for (const [method, params, message] of cases) {
      const answer = (await ask(socket, requestFrame(1, method, params))) as {
        error: { code: number; message: string };
      };
      assert.equal(answer.error.code, errorCodes.invalidParams);
      assert.match(answer.error.message, message);
      assert.ok(!answer.error.message.includes('secret'));
    }
  });

  it('hands only the named parameters to a handler (V12, V28)', async () => {
    await harness.dispose();
    let seen: unknown;
    harness = await startHarness({
      handlers: {
        'windows.list': (params) => {
          seen = params;
          return { windows: [] };
        },
      },
    });
    const socket = await harness.open();
    await ask(socket, requestFrame(0, 'hello', validParams.hello));
    await ask(
      socket,
      '{"jsonrpc":"2.0","id":1,"method":"windows.list","params":{"limit":3,"uid":0,"constructor":1,"toString":{"x":1}}}',
    );
    assert.deepEqual(seen, { limit: 3 });
    seen = undefined;
    for (const params of ['{"__proto__":{"polluted":1}}', '{"a":[{"\\u005f_proto__":1}]}']) {
      const frame = `{"jsonrpc":"2.0","id":2,"method":"windows.list","params":${params}}`;
      const { error } = (await ask(socket, frame)) as { error: { code: number; message: string } };
      assert.deepEqual([error.code, error.message], [errorCodes.invalidRequest, 'the key `__proto__` is not allowed']);
    }
    assert.equal(seen, undefined);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });

  it('hides what fails inside the agent, and logs it', async () => {
    await harness.dispose();
    harness = await startHarness({
      handlers: {
        'windows.list': () => {
          throw new Error('password is hunter2');
        },
        'runs.list': () => ({ runs: [{ id: 'incomplete' }] }) as never,
      },
    });
    const client = await harness.client('viewer');
    for (const method of ['windows.list', 'runs.list'] as const) {
      await assert.rejects(client.request(method, {}), {
        code: errorCodes.internalError,
        message: `${method} failed inside the agent: see its log`,
      });
    }
    assert.deepEqual(
      harness.log.filter(({ level }) => level === 'error').map(({ fields }) => 'method' in fields && fields.method),
      ['windows.list', 'runs.list'],
    );
  });

  it('passes the message and code of an expected failure on', async () => {
    await harness.dispose();
    harness = await startHarness({
      handlers: {
        'runs.get': () => {
          throw new RequestError('notFound', 'there is no run x');
        },
      },
    });
    const client = await harness.client('viewer');
    await assert.rejects(client.request('runs.get', { runId: 'x' }), {
      errorName: 'notFound',
      message: 'there is no run x',
    });
  });

  it('refuses to send an answer that no client would accept', async () => {
    await harness.dispose();
    const text = 'x'.repeat(9 * 1024 * 1024);
    harness = await startHarness({
      handlers: {
        'runs.output': () => ({ offset: 0, nextOffset: 0, encoding: 'utf8', text, size: 0, ended: true }),
      },
    });
    const client = await harness.client('viewer');
    await assert.rejects(client.request('runs.output', validParams['runs.output']), /ask for less/);
  });

  it('aborts a request that its client takes back', async () => {
    await harness.dispose();
    const started = Promise.withResolvers<undefined>();
    harness = await startHarness({
      handlers: {
        'windows.list': (_params, { signal }) => {
          started.resolve(undefined);
          return untilAborted(signal);
        },
      },
    });
    const socket = await harness.open();
    await ask(socket, requestFrame(0, 'hello', validParams.hello));
    const answer = once(socket, 'message') as Promise<[Buffer]>;
    socket.send(requestFrame(1, 'windows.list'));
    await started.promise;
    socket.send('{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}');
    const { error } = JSON.parse((await answer)[0].toString()) as { error: { code: number } };
    assert.equal(error.code, errorCodes.cancelled);
  });

  it('aborts the requests of a connection that ends', async () => {
    await harness.dispose();
    const aborted = Promise.withResolvers<undefined>();
    const started = Promise.withResolvers<undefined>();
    harness = await startHarness({
      handlers: {
        'windows.list': (_params, { signal }) => {
          signal.addEventListener('abort', () => {
            aborted.resolve(undefined);
          });
          started.resolve(undefined);
          return untilAborted(signal);
        },
      },
    });
    const socket = await harness.open();
    await ask(socket, requestFrame(0, 'hello', validParams.hello));
    socket.send(requestFrame(1, 'windows.list'));
    await started.promise;
    socket.terminate();
    await aborted.promise;
  });

  it('closes every connection of a revoked token and no other (V08)', async () => {
    const revoked = await Promise.all([1, 2, 3].map(() => harness.client('operator')));
    const other = await harness.client('viewer');
    harness.tokens.revoke('operator-token');
    for (const client of revoked) assert.equal((await client.closed).code, closeCodes.tokenRevoked);
    await assert.rejects(other.request('snapshot', {}), new RegExp(reached));
    await assert.rejects(harness.client('operator'), /401/);
  });

  it('does nothing more for a token that was revoked unseen, and closes', async () => {
    const client = await harness.client('operator');
    harness.tokens.holders.set('operator-token', { name: 'operator-name', role: 'viewer' });
    await assert.rejects(client.request('snapshot', {}), /ended/);
    assert.equal((await client.closed).code, closeCodes.tokenRevoked);
  });

  it('keeps a connection that answers pings and cuts off one that does not (F17)', async () => {
    await harness.dispose();
    harness = await startHarness({ limits: { heartbeatMs: 100 } });
    const alive = await harness.open();
    await ask(alive, requestFrame(0, 'hello', validParams.hello));
    const silent = await harness.open({ autoPong: false });
    await ask(silent, requestFrame(0, 'hello', validParams.hello));
    assert.equal(await closeCodeOf(silent), 1006);
    const answer = (await ask(alive, requestFrame(1, 'snapshot'))) as { error: { message: string } };
    assert.equal(answer.error.message, reached);
    alive.close();
  });

  it('gives the Unix socket the rights of its owner', async () => {
    const client = await connect({ socket: harness.socketPath });
    assert.equal(client.hello.role, 'admin');
    assert.match(client.hello.actor, /^unix:.+/);
    await client.close();
  });
});

function untilAborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => {
    reject(signal.reason as Error);
  });
  return promise;
}
