/** Begins the connection to a host, whatever its address. */
import type { WebSocket } from 'ws';
import { messageOf } from './client/errors.ts';
import { ConnectError } from './client/openSocket.ts';
import { dial, parseAddress, type Address } from './client/transport.ts';
import type { LocalAgent } from './localAgent.ts';
import type { HostDefinition } from './state/host.ts';
import type { Tokens } from './tokens.ts';

export async function dialHost(definition: HostDefinition, tokens: Tokens, localAgent: LocalAgent): Promise<WebSocket> {
  if (definition.url === 'local') {
    await localAgent.prepare();
    const { socketPath } = localAgent;
    return dial({ scheme: 'unix', url: `unix:${socketPath}`, path: socketPath }, null);
  }
  const address = readAddress(definition);
  return dial(address, address.scheme === 'unix' ? null : await tokens.get(address.url));
}

/** An address that makes no sense does not make more of it at the next attempt. */
function readAddress(definition: HostDefinition): Address {
  try {
    return parseAddress(definition.url);
  } catch (error) {
    throw new ConnectError({ message: messageOf(error), code: null, final: true }, { cause: error });
  }
}
