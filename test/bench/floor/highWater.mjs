// Loaded before a program (node --import): writes down the most memory that it had, when it ends (proc(5), VmHWM).
import { readFileSync, writeFileSync } from 'node:fs';

process.on('exit', () => {
  const [, kibibytes] = /^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  writeFileSync(process.env['UPKEEP_BENCH_MEMORY'], String(Number(kibibytes) * 1024));
});
