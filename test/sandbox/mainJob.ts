import { readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { findProgram } from '../systemPackages.ts';
import { ordersStatistics, type TableStatistics } from './database.ts';
import { sandbox as paths } from './paths.ts';
import type { Sandbox } from './sandbox.ts';
import { services } from './services.ts';

/** Runs the seed's three tasks and the health check by the real agent, and prints what came of them. 0 when all went well. */
export async function runMainJob(sandbox: Sandbox, stopped: AbortSignal): Promise<number> {
  const before = await ordersStatistics(sandbox.databaseUrl);
  const codes = new Map<string, number>();
  for (const task of ['daily_vacuum', 'log_rotation', 'certificate_check', 'health_check']) {
    if (stopped.aborted) return 1;
    if (task === 'log_rotation' && findProgram('logrotate') === null) {
      console.log('\n▸ log_rotation: left out, since logrotate is not installed');
      continue;
    }
    console.log(`\n▸ upkeep run ${task} --follow`);
    codes.set(task, await sandbox.agent.command(['run', task, '--follow']));
  }
  const after = await ordersStatistics(sandbox.databaseUrl);
  return summarise(before, after, codes);
}

function summarise(before: TableStatistics, after: TableStatistics, codes: ReadonlyMap<string, number>): number {
  console.log('\n━━ Summary');
  console.log('Dead rows of shop.public.orders, as pg_stat_user_tables says:');
  console.log(`  before ${count(before.dead)}, after ${count(after.dead)} (${count(after.live)} live rows)`);
  console.log('Certificates that the sandbox serves:');
  for (const service of services) console.log(`  ${certificateLine(service.name)}`);
  console.log('Tasks:');
  for (const [task, code] of codes)
    console.log(`  ${task.padEnd(18)} ${code === 0 ? 'done' : `failed (exit code ${code})`}`);
  const fell = after.dead < before.dead;
  if (!fell) console.error(`The dead rows of public.orders did not fall: daily_vacuum did not do its work.`);
  return fell && [...codes.values()].every((code) => code === 0) ? 0 : 1;
}

function certificateLine(name: string): string {
  const certificate = new X509Certificate(readFileSync(join(paths.certificates, name, 'fullchain.pem'), 'utf8'));
  const { subject, validToDate } = certificate;
  const days = Math.floor((validToDate.getTime() - Date.now()) / 86_400_000);
  const left = days < 0 ? `expired ${-days} days ago` : `expires in ${days} days`;
  const wrongHost =
    certificate.checkHost('localhost') === undefined ? ', served for localhost, which it does not name' : '';
  return `${subject.replace('CN=', '').padEnd(22)} ${left} (${validToDate.toISOString().slice(0, 10)})${wrongHost}`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
