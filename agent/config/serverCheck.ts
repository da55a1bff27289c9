/** Remarks about `server:` that no schema can make. */
import { isLoopback, parseListenAddress } from '../server/listenAddress.ts';
import { messageOf } from '../thrown.ts';
import { follow } from './issues.ts';
import type { Remark } from './remark.ts';
import type { LoadedSections } from './sections.ts';

export function serverRemarks({ values, trees }: LoadedSections): Remark[] {
  const { listen, tls } = values.server;
  const tree = trees.get('server');
  const node = tree === undefined ? null : follow(tree, ['listen']);
  if (listen === undefined || node === null) return [];
  const error = (code: string, message: string): Remark => ({
    offset: node.offset,
    severity: 'error',
    code,
    task: null,
    message,
  });
  try {
    const address = parseListenAddress(listen);
    if (address === null || tls !== undefined || isLoopback(address.host)) return [];
    const advice = 'add `tls: { self_signed: true }` or a certificate of your own, or listen on 127.0.0.1';
    return [error('unencrypted', `tokens would travel unencrypted to \`server.listen\` ${address.host}: ${advice}`)];
  } catch (problem) {
    return [error('invalid-value', messageOf(problem))];
  }
}
