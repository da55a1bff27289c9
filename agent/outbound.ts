/**
 * Whom the agent talks to by itself (webhooks, health checks). Loopback and private networks are where services live, and a person
 * with the right to write the configuration named them. Refused is what no service has: link-local addresses, behind which clouds
 * keep their credentials (RFC 3927; RFC 4291, 2.5.6), and addresses of nobody or everybody. The check is made on the very address
 * that is connected to, so a name that resolves differently the next moment gains nothing.
 */
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

interface Kind {
  readonly what: string;
  readonly list: BlockList;
}

const kinds: readonly Kind[] = [
  kind('a link-local address, as of the metadata service of a cloud', [
    ['169.254.0.0', 16, 'ipv4'],
    ['fe80::', 10, 'ipv6'],
    // The same through NAT64 (RFC 6052) and 6to4 (RFC 3056).
    ['64:ff9b::a9fe:0', 112, 'ipv6'],
    ['2002:a9fe::', 32, 'ipv6'],
  ]),
  kind('the metadata service of a cloud', [
    ['fd00:ec2::254', 128, 'ipv6'],
    ['100.100.100.200', 32, 'ipv4'],
    ['168.63.129.16', 32, 'ipv4'],
  ]),
  kind('no address of a host', [
    ['0.0.0.0', 8, 'ipv4'],
    ['::', 128, 'ipv6'],
    ['224.0.0.0', 3, 'ipv4'],
    ['ff00::', 8, 'ipv6'],
  ]),
];

class RefusedTarget extends Error {
  override readonly name = 'RefusedTarget';
}

/** Throws RefusedTarget with one clause. `host` may be a name, which is judged when it is looked up. */
export function refuseHost(host: string): void {
  const address = host.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  const family = isIP(address);
  if (family === 0) return;
  const found = kinds.find(({ list }) => list.check(address, family === 6 ? 'ipv6' : 'ipv4'));
  if (found !== undefined) throw new RefusedTarget(`${address} is ${found.what}, and is not talked to`);
}

/** Only HTTP and HTTPS: nothing of the host's own (`file:`), no other language (`gopher:`), no socket. */
export function refuseTarget(url: URL): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RefusedTarget(`${url.protocol} is neither http: nor https:, and is not talked to`);
  }
  refuseHost(url.hostname);
}

type Resolver = (
  host: string,
  options: { readonly all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** For `net.connect` and what is built on it: gives an address only when all that the name has are allowed. */
export function guardedLookup(resolver: Resolver = systemLookup): LookupFunction {
  return (host, options, done) => {
    resolver(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        done(error, '', 0);
        return;
      }
      try {
        for (const { address } of addresses) refuseHost(address);
      } catch (refusal) {
        done(refusal as NodeJS.ErrnoException, '', 0);
        return;
      }
      if (options.all === true) done(null, addresses);
      else done(null, addresses[0]?.address ?? '', addresses[0]?.family);
    });
  };
}

function kind(what: string, ranges: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[]): Kind {
  const list = new BlockList();
  for (const range of ranges) list.addSubnet(...range);
  return { what, list };
}
