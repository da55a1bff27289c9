// Floor of live output: a WebSocket server that sends one file in 64 KiB frames to every client at its pace, and such a client.
// Usage: stream.mjs FILE CLIENTS | stream.mjs --client PORT
import { openSync, readSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { WebSocket, WebSocketServer } from 'ws';

const [first, second] = process.argv.slice(2);
if (first === '--client') receive(second);
else serve(first, Number(second));

function serve(file, clients) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  const sockets = [];
  server.on('listening', () => console.log(server.address().port));
  server.on('connection', (socket) => {
    sockets.push(socket);
    if (sockets.length === clients) void send(file, sockets);
  });
  process.on('SIGTERM', () => process.exit(0));
}

async function send(file, sockets) {
  const descriptor = openSync(file, 'r');
  for (;;) {
    const bytes = Buffer.allocUnsafe(65_536);
    const count = readSync(descriptor, bytes);
    if (count === 0) break;
    for (const socket of sockets) socket.send(bytes.subarray(0, count), { binary: false });
    while (sockets.some(({ bufferedAmount }) => bufferedAmount > 4 << 20)) await turn();
  }
  for (const socket of sockets) socket.close();
}

function receive(port) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
  let [bytes, checksum] = [0, 0];
  socket.on('message', (data) => {
    bytes += data.length;
    checksum = crc32(data, checksum);
  });
  socket.on('close', () => console.log(JSON.stringify({ bytes, checksum })));
}
