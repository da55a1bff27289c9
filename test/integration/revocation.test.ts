import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { WebSocket } from 'ws';
import * as z from 'zod';
import { closeCodes } from '../../agent/protocol/errors.ts';
import { selfSignedFiles } from '../../agent/server/selfSigned.ts';
import { bearer, closeCodeOf, requestFrame, validParams } from '../server/harness.ts';
import { AgentWorld, endOf } from './agentProcess.ts';

const made = z.object({ id: z.string(), token: z.string() });
const started = z.object({ result: z.object({ run: z.object({ id: z.string() }) }) });

describe('the revocation of a token', () => {
  let world: AgentWorld;
  before(() => {
    world = new AgentWorld();
  });
  after(() => world.dispose());

  it('V08: closes all of its connections at once, while the job that it started goes on and ends well', async () => {
    const script = world.script('slow.sh', 'while [ ! -e "$(dirname "$0")/go" ]; do sleep 0.1; done');
    const task = `{ name: slow, script: ${script} }`;
    world.write(`maintenance: { checks: [], automated_tasks: [${task}], server: { tls: { self_signed: true } } }`);
    const agent = await world.start(['--listen', '127.0.0.1:0']);
    const create = async (): Promise<z.infer<typeof made>> => {
      const { stdout } = await world.command(['token', 'create', '--role', 'operator', '--json']);
      return made.parse(JSON.parse(stdout));
    };
    const [revoked, other] = [await create(), await create()];
    const { cert } = selfSignedFiles(world.state);
    const ca = readFileSync(cert);
    const open = async (token: string): Promise<WebSocket> => {
      const socket = new WebSocket(`wss://${agent.listen ?? ''}`, { ca, headers: bearer(token) });
      await once(socket, 'open');
      const answered = once(socket, 'message');
      socket.send(requestFrame(1, 'hello', validParams.hello));
      await answered;
      return socket;
    };
    const sockets = await Promise.all([1, 2, 3].map(() => open(revoked.token)));
    const bystander = await open(other.token);
    const answer = once(sockets[0] ?? bystander, 'message') as Promise<[Buffer]>;
    sockets[0]?.send(requestFrame(2, 'tasks.run', { task: 'slow', requestId: 'request-1' }));
    const { result } = started.parse(JSON.parse(String((await answer)[0])));

    const closed = Promise.all(sockets.map(closeCodeOf));
    const { code } = await world.command(['token', 'revoke', revoked.id]);
    assert.equal(code, 0);
    assert.deepEqual(await closed, [closeCodes.tokenRevoked, closeCodes.tokenRevoked, closeCodes.tokenRevoked]);
    assert.equal(bystander.readyState, WebSocket.OPEN);
    await assert.rejects(open(revoked.token), /401/);

    const ended = endOf(agent.client, result.run.id);
    writeFileSync(join(world.folder, 'go'), '');
    assert.equal((await ended).outcome, 'changed');
    bystander.terminate();
    await agent.stop();
    const store = new DatabaseSync(join(world.state, 'upkeep.db'), { readOnly: true });
    const entry = store.prepare("SELECT target FROM audit WHERE action = 'token.revoke'").get();
    store.close();
    assert.equal(entry?.['target'], revoked.id);
    assert.match((await world.command(['audit', 'verify'])).stdout, /the chain is whole/);
  });
});
