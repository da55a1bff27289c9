/** The host around the agent: its clock, its service manager. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Finding } from '../protocol/nouns.ts';
import { unitMark } from '../systemd/unit.ts';
import { version } from '../version.ts';
import { found, type Look } from './place.ts';
import { findProgram } from './program.ts';

/** sd_booted(3). */
const bootedMark = '/run/systemd/system';

export const lookAtClock: Look = async () => {
  const text = await output('timedatectl', ['show', '--property=NTPSynchronized', '--value']);
  if (text === 'yes') return [found('ok', 'clock', 'clock', 'synchronised')];
  if (text === 'no') {
    const message = 'the clock is not synchronised, schedules follow it: enable systemd-timesyncd or chrony';
    return [found('warning', 'clock', 'clock', message)];
  }
  return [found('info', 'clock', 'clock', 'whether it is synchronised is not known here (no timedatectl)')];
};

export const lookAtService: Look = async ({ environment }) => {
  if (!existsSync(bootedMark))
    return [found('info', 'unit', 'systemd', 'this host does not run systemd: start the agent by its service manager')];
  const root = userInfo().uid === 0;
  const places = root
    ? ['/etc/systemd/system', '/usr/local/lib/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system']
    : [join(environment['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'systemd', 'user'), '/etc/systemd/system'];
  const file = places.map((place) => join(place, 'upkeep.service')).find((place) => existsSync(place));
  if (file === undefined) {
    const scope = root ? '' : ' --scope user';
    const message = `there is no unit: upkeep systemd unit${scope} > ${join(places[0] ?? '', 'upkeep.service')}`;
    return [found('warning', 'unit', 'upkeep.service', message)];
  }
  const notify =
    readFileSync(file, 'utf8').includes('Type=notify') && findProgram('systemd-notify', environment) === null;
  return [
    unitFinding(file),
    ...(notify
      ? [found('critical', 'unit', file, 'it needs systemd-notify, which is missing: upkeep systemd unit --no-notify')]
      : []),
    ...(root || file.startsWith('/etc/') ? [] : await lookAtLinger()),
  ];
};

function unitFinding(file: string): Finding {
  const [first = ''] = readFileSync(file, 'utf8').split('\n');
  if ((statSync(file).mode & 0o022) !== 0)
    return found('critical', 'unit', file, `others can change it: chmod 644 ${file}`);
  if (!first.startsWith(unitMark)) return found('info', 'unit', file, 'a unit of your own');
  if (first.startsWith(`${unitMark} ${version}:`)) return found('ok', 'unit', file, 'up to date');
  return found('warning', 'unit', file, 'made by another version: run upkeep systemd unit again and compare');
}

/** Without it the agent of a user ends with the user's last login. */
async function lookAtLinger(): Promise<readonly Finding[]> {
  const { username } = userInfo();
  const text = await output('loginctl', ['show-user', username, '--property=Linger', '--value']);
  if (text === 'yes') return [found('ok', 'linger', username, 'the agent goes on after logout')];
  return [
    found('warning', 'linger', username, `the agent ends with your last login: loginctl enable-linger ${username}`),
  ];
}

async function output(command: string, args: readonly string[]): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)(command, [...args], { timeout: 5000 });
    return stdout.trim();
  } catch {
    return null;
  }
}
