// Serves the first COUNT certificates of DIR (certN.pem, chain in it; certN.key), each on a port of its own; prints the ports as JSON.
// Usage: node tlsServers.mjs DIR COUNT. Ends with its parent's signal.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:tls';

const [folder, count] = process.argv.slice(2);
const ports = [];
for (let index = 0, made = 0; made < Number(count); index += 1) {
  // These do not belong together, or their key is too weak for TLS.
  if (index % 10 === 7 || index % 10 === 3) continue;
  const server = createServer({
    cert: readFileSync(`${folder}/cert${index}.pem`),
    key: readFileSync(`${folder}/cert${index}.key`),
  });
  server.on('secureConnection', (socket) => socket.on('error', () => undefined).resume());
  server.on('tlsClientError', () => undefined);
  await new Promise((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 64 }, resolve));
  ports.push(server.address().port);
  made += 1;
}
console.log(JSON.stringify(ports));
