// Floor of the idle agent: HTTP, WebSocket, SQLite and one timer, without anything behind them. Plain JavaScript: nothing is to be stripped.
import http from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { WebSocketServer } from 'ws';

const database = new DatabaseSync(process.argv[2]);
database.exec('PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS runs (id TEXT)');
const server = http.createServer((_, response) => response.end());
new WebSocketServer({ server });
setInterval(() => undefined, 30_000);
server.listen(0, '127.0.0.1', () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));
