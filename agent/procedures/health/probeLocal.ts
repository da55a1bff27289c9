/** Probes of what runs on this host: systemd unit, process, Docker container. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import type { Probe } from './services.ts';

/** systemctl(1): `is-active` prints the state and exits 0 only for `active`. */
export async function probeUnit(unit: string, signal: AbortSignal): Promise<Probe> {
  const { stdout, stderr } = await runTool('systemctl', ['is-active', '--', unit], signal);
  const state = stdout.trim();
  if (state === '') throw new Error(`systemctl does not tell the state of ${unit}: ${firstLine(stderr)}`);
  return { problem: state === 'active' ? null : `the unit ${unit} is ${state}`, latencyMs: null };
}

/** By command name or by the file name of the program, as `pgrep -x`. */
export async function probeProcess(name: string, signal: AbortSignal): Promise<Probe> {
  const missing = { problem: `no process ${name} runs`, latencyMs: null };
  const running = { problem: null, latencyMs: null };
  if (process.platform !== 'linux') {
    const { exitCode } = await runTool('pgrep', ['-x', '--', name], signal);
    return exitCode === 0 ? running : missing;
  }
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    signal.throwIfAborted();
    const comm = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trimEnd();
    // The kernel keeps 15 characters of the command name; the rest is in the command line.
    if (comm === name) return running;
    if (comm === '' || !name.startsWith(comm.slice(0, 1))) continue;
    const program = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')[0] ?? '';
    if (path.basename(program) === name) return running;
  }
  return missing;
}

const containerState = z.object({
  Status: z.string(),
  Running: z.boolean(),
  Health: z.object({ Status: z.string() }).nullish(),
});

/** State as `docker inspect` gives it; a container with a health check must be healthy, or still starting. */
export async function probeContainer(name: string, signal: AbortSignal): Promise<Probe> {
  const args = ['container', 'inspect', '--format', '{{json .State}}', '--', name];
  const { stdout, stderr, exitCode } = await runTool('docker', args, signal);
  if (exitCode !== 0) {
    if (/no such container/i.test(stderr)) return { problem: `there is no container ${name}`, latencyMs: null };
    throw new Error(`docker does not tell the state of ${name}: ${firstLine(stderr)}`);
  }
  const state = containerState.parse(JSON.parse(stdout));
  const health = state.Health?.Status;
  if (!state.Running) return { problem: `the container ${name} is ${state.Status}`, latencyMs: null };
  return { problem: health === 'unhealthy' ? `the container ${name} is unhealthy` : null, latencyMs: null };
}

/** Runs a tool that need not be there; throws a sentence when it is missing. */
export async function runTool(
  tool: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ stdout: string; stderr: string; exitCode: number | null }> {
  const { execa } = await import('execa');
  const result = await execa(tool, [...args], {
    stdin: 'ignore',
    reject: false,
    cancelSignal: signal,
    forceKillAfterDelay: 500,
    maxBuffer: 1 << 20,
    env: { LC_ALL: 'C' },
  });
  signal.throwIfAborted();
  if (result.code === 'ENOENT') throw new Error(`${tool} is not installed on this host`);
  return { stdout: result.stdout, stderr: result.stderr, exitCode: result.exitCode ?? null };
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
