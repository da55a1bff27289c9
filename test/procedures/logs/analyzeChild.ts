/** analyze-logs in a process of its own, which says how much memory it took. Usage: node analyzeChild.ts FILE REPORT */
import { readFileSync } from 'node:fs';
import { AnalyzeHarness } from './analyzeHarness.ts';

const [file = '', report = 'error'] = process.argv.slice(2);
const harness = await AnalyzeHarness.create();
try {
  const { lines } = await harness.log(file, { report });
  // Not getrusage(2): its maxrss counts what the parent had when this process was made (vfork), as execve(2) takes it over.
  const [, kibibytes] = /^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  console.log(JSON.stringify({ lines, peakMB: Math.round(Number(kibibytes) / 1024) }));
} finally {
  await harness.remove();
}
