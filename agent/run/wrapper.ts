/**
 * The tiny wrapper between agent and child: a POSIX shell that records its pid, runs the command and writes exit.json,
 * so that the true end is known even when no agent was there to see it.
 *
 * TERM, INT and HUP get a handler, not "ignore": the shell survives a stop of its group long enough to record the end,
 * while the child starts with default actions (a trap is reset by exec, an ignored signal would be inherited; sh(1) `trap`).
 * exit.json is whole or, without its closing brace, not understood and so as good as absent; a rename would need mv(1), a process.
 * The pid file is made once (`set -C`) and before the command begins: where there is none, the command never began, and where a
 * second wrapper comes for the same run, it goes without doing anything (`cameSecond`).
 * A job may have put a FIFO or a link in the place of exit.json: it goes first. Its own files are its owner's alone; the command has
 * the agent's umask.
 */

/** How a wrapper ends that could not make the pid file, and so has not begun the command. */
export const cameSecond = 125;

const script = `trap : TERM INT HUP
umask 077
set -C
[ -e "$UPKEEP_RUN_DIRECTORY/pid" ] && exit ${cameSecond}
echo $$ > "$UPKEEP_RUN_DIRECTORY/pid" || exit ${cameSecond}
set +C
umask ${umaskText()}
"$@" < /dev/null
code=$?
umask 077
exit_file="$UPKEEP_RUN_DIRECTORY/exit.json"
if [ -e "$exit_file" ] || [ -h "$exit_file" ]; then rm -f "$exit_file"; fi
printf '{"code":%d}\\n' "$code" > "$exit_file"
exit "$code"`;

/** argv that runs `command` under the wrapper; nothing of it is parsed by the shell. */
export function wrap(command: readonly string[]): readonly [file: string, ...args: string[]] {
  return ['/bin/sh', '-c', script, 'upkeep-run', ...command];
}

/** Of this process, in octal. It can only be had by setting another one (umask(2)). */
function umaskText(): string {
  const umask = process.umask(0o077);
  process.umask(umask);
  return umask.toString(8).padStart(3, '0');
}
