/** Begins the connection to a host, whatever its address. */
import type { WebSocket } from 'ws';
import type { CertificateTrust } from './certificateTrust.ts';
import { messageOf } from './client/errors.ts';
import { ConnectError } from './client/openSocket.ts';
import { placeOf } from './client/tls.ts';
import { dial, dialOver, parseAddress, type Address } from './client/transport.ts';
import type { LocalAgent } from './localAgent.ts';
import type { HostDefinition } from './state/host.ts';
import type { Tokens } from './tokens.ts';

export interface DialParts {
  readonly tokens: Pick<Tokens, 'get'>;
  readonly trust: CertificateTrust;
  readonly localAgent: Pick<LocalAgent, 'prepare' | 'socketPath'>;
}

export async function dialHost(definition: HostDefinition, parts: DialParts): Promise<WebSocket> {
  const { tokens, trust, localAgent } = parts;
  if (definition.url === 'local') {
    await localAgent.prepare();
    const { socketPath } = localAgent;
    return dial({ scheme: 'unix', url: `unix:${socketPath}`, path: socketPath }, null);
  }
  const address = readAddress(definition);
  switch (address.scheme) {
    case 'unix':
      return dial(address, null);
    case 'ws':
      return dial(address, await tokens.get(address.url));
    case 'wss': {
      const socket = await trust.connect(definition.name, placeOf(address.url));
      return dialOver(socket, address, await tokens.get(address.url));
    }
  }
}

/** An address that makes no sense does not make more of it at the next attempt. */
function readAddress(definition: HostDefinition): Address {
  try {
    return parseAddress(definition.url);
  } catch (error) {
    throw new ConnectError({ message: messageOf(error), code: null, final: true }, { cause: error });
  }
}
