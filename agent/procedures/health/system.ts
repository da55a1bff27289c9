/** What `--full` asks of the operating system: clock, failed units, pending reboot. */
import { readFile } from 'node:fs/promises';
import type { Finding } from '../../protocol/nouns.ts';
import type { HealthCheck } from './check.ts';
import { runTool } from './probeLocal.ts';

export function systemChecks(): readonly HealthCheck[] {
  return [
    check('clock.sync', 'clock', async (signal) => clockFinding(await clockState(signal))),
    check('system.units', 'systemd', async (signal) => unitsFinding(await failedUnits(signal))),
    check('system.reboot', 'system', async () => rebootFinding(await rebootState())),
  ];
}

/** `yes` or `no` of `timedatectl show -p NTPSynchronized --value`; null where systemd does not keep the clock. */
export function clockFinding(state: string | null): Finding {
  const base = { code: 'clock.sync', subject: 'clock' };
  if (state === 'yes') return { ...base, level: 'ok', message: 'The clock is synchronized.' };
  if (state === 'no') {
    const message = 'The clock is not synchronized; start systemd-timesyncd, chrony or ntpd.';
    return { ...base, level: 'warning', message };
  }
  const message = 'Whether the clock is synchronized is not known here: systemd does not run.';
  return { ...base, level: 'info', message };
}

/** Names of the failed units; null where systemd does not run. */
export function unitsFinding(units: readonly string[] | null): Finding {
  const base = { code: 'system.units', subject: 'systemd' };
  if (units === null)
    return { ...base, level: 'info', message: 'systemd does not run here, so there are no units to check.' };
  const values = { value: units.length, threshold: 0, unit: 'units' };
  if (units.length === 0) return { ...base, ...values, level: 'ok', message: 'No systemd unit has failed.' };
  const message = `Failed systemd units: ${units.join(', ')}; see systemctl status UNIT.`;
  return { ...base, ...values, level: 'warning', message };
}

/** Packages that want a reboot; null when none is pending. */
export function rebootFinding(packages: readonly string[] | null): Finding {
  const base = { code: 'system.reboot', subject: 'system' };
  if (packages === null) return { ...base, level: 'ok', message: 'No reboot is pending.' };
  const which = packages.length === 0 ? '' : ` for ${packages.join(', ')}`;
  return { ...base, level: 'warning', message: `A reboot is pending${which}; plan it in a maintenance window.` };
}

function check(code: string, subject: string, look: (signal: AbortSignal) => Promise<Finding>): HealthCheck {
  return {
    code,
    subject,
    timeoutMs: 5_000,
    run: async (signal) => ({ findings: [await look(signal)], measured: null }),
  };
}

async function clockState(signal: AbortSignal): Promise<string | null> {
  if (!(await systemdRuns())) return null;
  const { stdout } = await runTool('timedatectl', ['show', '-p', 'NTPSynchronized', '--value'], signal);
  return stdout.trim();
}

async function failedUnits(signal: AbortSignal): Promise<readonly string[] | null> {
  if (!(await systemdRuns())) return null;
  const args = ['list-units', '--failed', '--plain', '--no-legend', '--no-pager'];
  const { stdout, exitCode } = await runTool('systemctl', args, signal);
  if (exitCode !== 0) throw new Error('systemctl does not list the failed units');
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/)[0] ?? '')
    .filter((unit) => unit !== '');
}

/** Written by packages of Debian and Ubuntu (update-notifier-common, unattended-upgrades). */
async function rebootState(): Promise<readonly string[] | null> {
  const read = async (file: string) => await readFile(file, 'utf8').catch(() => null);
  if ((await read('/var/run/reboot-required')) === null) return null;
  const packages = (await read('/var/run/reboot-required.pkgs')) ?? '';
  return [...new Set(packages.split('\n').filter((line) => line !== ''))];
}

/** sd_booted(3). */
async function systemdRuns(): Promise<boolean> {
  return (await readFile('/proc/1/comm', 'utf8').catch(() => '')).trim() === 'systemd';
}
