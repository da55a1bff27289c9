/** The running agent: does it answer, is it well, is it this version; and its port. */
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:net';
import * as z from 'zod';
import { connect } from '../cli/client.ts';
import { configuredListen } from '../defaults.ts';
import type { Finding } from '../protocol/nouns.ts';
import { formatAddress, isLoopback } from '../server/listenAddress.ts';
import { codeOf, messageOf } from '../thrown.ts';
import { version } from '../version.ts';
import { found, type Look } from './place.ts';

const answerMs = 5000;
const health = z.object({ status: z.string(), problems: z.array(z.string()).default([]) });

export const lookAtAgent: Look = async ({ socket, holder }) => {
  try {
    const client = await connect({ socket });
    const { agentVersion, pid } = client.hello.host;
    const { config } = await client.request('snapshot', {});
    await client.close();
    const held = config.schedulesHeld ?? null;
    const same = agentVersion === version;
    const text = `version ${agentVersion}, pid ${pid}`;
    const first = same
      ? found('ok', 'agent', socket, text)
      : found('warning', 'agent', socket, `${text}, but this is ${version}: restart the agent; its runs go on`);
    const schedules = held === null ? [] : [found('critical', 'agent', socket, held)];
    return [first, ...schedules, ...(await lookAtHealth(socket))];
  } catch (error) {
    if (holder === null)
      return [found('warning', 'agent', socket, 'no agent runs: start one with "upkeep serve", or its service')];
    const message = `the agent with pid ${holder} does not answer (${messageOf(error)}): look at its log, or give --socket`;
    return [found('critical', 'agent', socket, message)];
  }
};

async function lookAtHealth(socketPath: string): Promise<readonly Finding[]> {
  const answer = request({ socketPath, path: '/healthz', headers: { host: 'localhost' }, timeout: answerMs });
  answer.end();
  const [response] = (await once(answer, 'response', { signal: AbortSignal.timeout(answerMs) })) as [
    AsyncIterable<Buffer>,
  ];
  let text = '';
  for await (const chunk of response) text += chunk.toString('utf8');
  const { status, problems } = health.parse(JSON.parse(text));
  if (status === 'ok') return [];
  return problems.map((problem) => found('critical', 'agent', socketPath, problem));
}

/** Can its address be had? With an agent running, the port is that agent's. */
export const lookAtPort: Look = async ({ config, holder }) => {
  if (config === null) return [];
  const address = configuredListen(config.server.listen);
  if (address === null) return [found('ok', 'port', 'none', 'no TCP port is wanted')];
  const name = formatAddress(address);
  if (holder !== null) return [found('ok', 'port', name, 'the agent runs')];
  const server = createServer();
  try {
    server.listen({ ...address, exclusive: true });
    await once(server, 'listening');
    const reach = isLoopback(address.host) ? 'from this machine alone' : 'from other machines';
    return [found('ok', 'port', name, `free; it is reached ${reach}`)];
  } catch (error) {
    const taken = codeOf(error) === 'EADDRINUSE';
    const message = taken
      ? 'another program has this port: stop it, or set server.listen'
      : `it can not be listened on (${messageOf(error)}): set server.listen`;
    return [found('critical', 'port', name, message)];
  } finally {
    server.close();
  }
};
