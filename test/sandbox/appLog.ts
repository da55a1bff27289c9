/**
 * The shop's application, as far as its log goes: appends lines and opens its file anew on SIGHUP, as daemons do. It ends
 * when its standard input does. Usage: node appLog.ts LOG_FILE PID_FILE
 */
import { closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';

const [logFile, pidFile] = process.argv.slice(2);
if (logFile === undefined || pidFile === undefined) throw new Error('Usage: appLog.ts LOG_FILE PID_FILE');

let log = openSync(logFile, 'a');
let lines = 0;
writeFileSync(pidFile, `${process.pid}\n`);

process.on('SIGHUP', () => {
  const reopened = openSync(logFile, 'a');
  closeSync(log);
  log = reopened;
});
setInterval(() => {
  writeSync(log, `${new Date().toISOString()} ${line(lines++)}\n`);
}, 250);
process.stdin.resume();
process.stdin.on('end', () => {
  rmSync(pidFile, { force: true });
  process.exit();
});

function line(count: number): string {
  if (count % 40 === 39) return `ERROR checkout: payment of order ${60_000 + count} was refused by the bank`;
  if (count % 15 === 14) return `WARN  search: query took ${1_000 + (count % 900)} ms`;
  return `INFO  web: GET /orders/${count % 500} 200 in ${5 + (count % 60)} ms`;
}
