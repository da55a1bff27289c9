/** A client in a process of its own that follows one run as the command line does. Usage: follower.ts SOCKET; then a run id on stdin. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { crc32 } from 'node:zlib';
import { connect } from '../../agent/cli/client.ts';
import { followRun } from '../../agent/cli/follow.ts';

const client = await connect({ socket: process.argv[2] ?? '' });
console.log('ready');
const [runId] = (await once(createInterface({ input: process.stdin }), 'line')) as [string];
let bytes = 0;
let checksum = 0;
const sink = {
  write: (piece: string | Uint8Array): void => {
    bytes += piece.length;
    checksum = crc32(piece, checksum);
  },
};
await followRun(client, runId, sink, { exitCode: 0 });
console.log(JSON.stringify({ bytes, checksum }));
await client.close();
process.exit(0);
