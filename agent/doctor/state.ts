/** The state folder and the store in it. */
import { readFileSync, statfsSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { formatBytes } from '../config/units.ts';
import type { Finding } from '../protocol/nouns.ts';
import { examine } from '../store/examine.ts';
import { refuseNewer } from '../store/migrations.ts';
import { storeFile } from '../store/openStore.ts';
import { freeBytes, Reserve } from '../store/reserve.ts';
import { waitingVacuum } from '../store/upgrade.ts';
import { messageOf } from '../thrown.ts';
import { found, type Look } from './place.ts';

const littleBytes = 512 * 1024 * 1024;
const tooLittleBytes = 32 * 1024 * 1024;
/** Each watched folder takes a watch; each agent, editor and desktop an instance (inotify(7)). */
const fewWatches = 8192;
const fewInstances = 128;

export const lookAtState: Look = ({ stateDirectory, holder }) => {
  const stats = statSync(stateDirectory, { throwIfNoEntry: false });
  if (stats === undefined) {
    return [
      found('warning', 'state', stateDirectory, 'there is no such folder: start the agent once, or give --state'),
    ];
  }
  if (!stats.isDirectory())
    return [found('critical', 'state', stateDirectory, 'it is no folder: choose another with --state')];
  const findings: Finding[] = [];
  const mode = stats.mode & 0o777;
  const owner = process.getuid?.() ?? stats.uid;
  if ((mode & 0o077) !== 0) {
    const message = `others can get in (mode ${mode.toString(8)}): chmod 700 ${stateDirectory}`;
    findings.push(found('critical', 'state', stateDirectory, message));
  }
  if (stats.uid !== owner && owner !== 0) {
    const message = `it belongs to user ${stats.uid}, this is user ${owner}: run the doctor as the user of the agent`;
    findings.push(found('critical', 'state', stateDirectory, message));
  }
  if (findings.length === 0) {
    const who = holder === null ? 'no agent has it now' : `the agent with pid ${holder} has it`;
    findings.push(found('ok', 'state', stateDirectory, `mode 700, its owner's; ${who}`));
  }
  return [...findings, ...lookAtSpace(stateDirectory)];
};

function lookAtSpace(folder: string): readonly Finding[] {
  try {
    const { bavail, bsize } = statfsSync(folder);
    const free = bavail * bsize;
    const megabytes = `${Math.floor(free / 1024 / 1024)} MiB free`;
    const level = free < tooLittleBytes ? 'critical' : free < littleBytes ? 'warning' : 'ok';
    const advice = level === 'ok' ? '' : ': make room, or lower `retention` and `output_limit`';
    return [
      { ...found(level, 'space', folder, `${megabytes}${advice}`), value: free, threshold: littleBytes, unit: 'bytes' },
    ];
  } catch (error) {
    return [found('warning', 'space', folder, `its free space can not be read: ${messageOf(error)}`)];
  }
}

export const lookAtStore: Look = ({ stateDirectory }) => {
  const file = storeFile(stateDirectory);
  try {
    refuseNewer(file);
    const verdict = examine(file);
    if (verdict.kind === 'damaged') {
      const message = `it is damaged (${verdict.problem}): stop the agent and run "upkeep store rebuild"`;
      return [found('critical', 'store', file, message)];
    }
    if (verdict.kind === 'missing') return [found('info', 'store', file, 'there is none yet')];
    return [found('ok', 'store', file, 'it is sound'), ...lookAtVacuum(file, stateDirectory)];
  } catch (error) {
    return [found('critical', 'store', file, messageOf(error))];
  }
};

/** What an upgrade has left free in the file is given back by a start that has room for it. */
function lookAtVacuum(file: string, folder: string): readonly Finding[] {
  const waiting = waitingVacuum(file, new Reserve(join(folder, 'reserve')));
  if (waiting === null) return [];
  const { gain, disk, memory } = waiting;
  const [free, available] = [freeBytes(folder), process.availableMemory()];
  const wants = [
    ...(free < disk ? [`${formatBytes(disk)} on the disk of ${folder} (${formatBytes(free)} are free)`] : []),
    ...(available < memory ? [`${formatBytes(memory)} of memory (${formatBytes(available)} are free)`] : []),
  ];
  const what = `${formatBytes(gain)} in it wait to be given back to the disk since an upgrade`;
  return wants.length === 0
    ? [found('info', 'store', file, `${what}: the next start of the agent does it`)]
    : [
        found(
          'warning',
          'store',
          file,
          `${what}, which takes ${wants.join(' and ')}: make room, then restart the agent`,
        ),
      ];
}

/** Configuration, output and tokens are followed by inotify(7). */
export const lookAtWatches: Look = ({ stateDirectory }) => {
  if (process.platform !== 'linux') return [];
  try {
    watch(statSync(stateDirectory, { throwIfNoEntry: false }) === undefined ? '/' : stateDirectory).close();
  } catch (error) {
    const message = `no file can be watched (${messageOf(error)}): raise fs.inotify.max_user_watches and max_user_instances`;
    return [found('critical', 'inotify', 'fs.inotify', message)];
  }
  const watches = limit('max_user_watches');
  const instances = limit('max_user_instances');
  const few = (watches ?? fewWatches) < fewWatches || (instances ?? fewInstances) < fewInstances;
  const text = `max_user_watches ${watches ?? 'unknown'}, max_user_instances ${instances ?? 'unknown'}`;
  return [found(few ? 'warning' : 'ok', 'inotify', 'fs.inotify', few ? `${text}: raise them (sysctl)` : text)];
};

function limit(name: string): number | null {
  try {
    return Number(readFileSync(`/proc/sys/fs/inotify/${name}`, 'utf8'));
  } catch {
    return null;
  }
}
