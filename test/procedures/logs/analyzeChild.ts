/** analyze-logs in a process of its own, which says how much memory it took. Usage: node analyzeChild.ts FILE REPORT */
import { AnalyzeHarness } from './analyzeHarness.ts';

const [file = '', report = 'error'] = process.argv.slice(2);
const harness = await AnalyzeHarness.create();
try {
  const { lines } = await harness.log(file, { report });
  console.log(JSON.stringify({ lines, peakMB: Math.round(process.resourceUsage().maxRSS / 1024) }));
} finally {
  await harness.remove();
}
