/**
 * Tells systemd what the service does (sd_notify(3)): READY, RELOADING, STOPPING, WATCHDOG. Node has no Unix datagram sockets, so
 * systemd's own `systemd-notify` sends them; it comes with every systemd. The unit needs `NotifyAccess=all` for that, since
 * the message is another process's. Where the program is missing nothing is sent and it is logged once: use `Type=exec` then.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Clock } from '../schedule/clock.ts';
import { codeOf } from '../thrown.ts';

export interface NotifyParts {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
  /** The agent's own pid, which systemd compares with WATCHDOG_PID. */
  readonly pid: number;
  readonly command?: string;
}

const sendMs = 10_000;

export class SystemdNotify {
  readonly #parts: NotifyParts;
  /** One after the other: READY must not overtake RELOADING. */
  #sending: Promise<void> = Promise.resolve();
  #disarm: () => void = () => undefined;
  #off: boolean;

  constructor(parts: NotifyParts) {
    this.#parts = parts;
    this.#off = (parts.environment['NOTIFY_SOCKET'] ?? '') === '';
  }

  /** The service is up; from here on the watchdog is fed, if the unit has one. */
  async ready(status: string): Promise<void> {
    await this.#send(['READY=1', `STATUS=${status}`, `MAINPID=${this.#parts.pid}`]);
    this.#feed();
  }

  async reloading(): Promise<void> {
    // Microseconds of CLOCK_MONOTONIC, which systemd asks for since 253; hrtime is that clock.
    const now = process.hrtime.bigint() / 1000n;
    await this.#send(['RELOADING=1', `MONOTONIC_USEC=${now}`, 'STATUS=reading the configuration again']);
  }

  async stopping(): Promise<void> {
    this.#disarm();
    await this.#send(['STOPPING=1']);
  }

  /** Stops feeding and waits for what is under way. */
  async stop(): Promise<void> {
    this.#disarm();
    await this.#sending;
  }

  /** From the event loop itself: an agent that hangs is not fed. At half of the interval (sd_watchdog_enabled(3)). */
  #feed(): void {
    const everyMs = watchdogMs(this.#parts.environment, this.#parts.pid);
    if (everyMs === null || this.#off) return;
    this.#disarm = this.#parts.clock.after(Math.min(everyMs / 2, 30_000), () => {
      void this.#send(['WATCHDOG=1']);
      this.#feed();
    });
  }

  #send(lines: readonly string[]): Promise<void> {
    this.#sending = this.#sending.then(async () => {
      if (this.#off) return;
      const { environment, command = 'systemd-notify', log } = this.#parts;
      try {
        const env = { PATH: environment['PATH'] ?? '/usr/bin:/bin', NOTIFY_SOCKET: environment['NOTIFY_SOCKET'] };
        await promisify(execFile)(command, [...lines], { env, timeout: sendMs });
      } catch (error) {
        const missing = codeOf(error) === 'ENOENT';
        this.#off = missing;
        const advice = missing ? 'install systemd-notify, or use Type=exec in the unit' : 'see the cause';
        log.warn({ err: error }, `systemd could not be told ${lines[0] ?? ''}: ${advice}`);
      }
    });
    return this.#sending;
  }
}

/** Milliseconds within which systemd wants to hear of this process; null = it does not. */
function watchdogMs(environment: NotifyParts['environment'], pid: number): number | null {
  const microseconds = Number(environment['WATCHDOG_USEC'] ?? Number.NaN);
  const wanted = environment['WATCHDOG_PID'];
  if (!(microseconds > 0) || (wanted !== undefined && Number(wanted) !== pid)) return null;
  return microseconds / 1000;
}
