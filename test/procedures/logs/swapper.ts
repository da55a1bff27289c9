/** Somebody else, who owns a folder of logs and puts one thing after the other under the names of its files. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

export const nobody = 65_534;
const asNobody = [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', '--'];
export const canBeNobody =
  process.getuid?.() === 0 && spawnSync('setpriv', [...asNobody, 'perl', '-MPOSIX', '-e', '1']).status === 0;

/** By rename(2), as fast as it can: links, files, FIFOs, hard links, links to the victim; and the folder `sub` itself. */
const program = String.raw`
use POSIX; my ($fifos, $victim, @names) = @ARGV; my $vault = $victim; $vault =~ s{/[^/]*$}{}; my $n = 0; $| = 1;
sub put { my ($name) = @_; rename("x", $name) or unlink("x"); }
while (getppid() != 1) {
  for my $name (@names) {
    symlink($victim, "x"); put($name);
    if (open(my $f, ">", "x")) { print $f "mine $n\n"; close $f; utime(1600000000, 1600000000, "x"); } put($name);
    if ($fifos) { POSIX::mkfifo("x", 0600); utime(1600000000, 1600000000, "x"); put($name); }
    if (open(my $f, ">", "own")) { print $f "own\n"; close $f; utime(1600000000, 1600000000, "own"); } link("own", "x"); put($name);
    link($victim, "x"); put($name);
  }
  rename("sub", "sub2"); symlink($vault, "sub"); select(undef, undef, undef, 0.0005); unlink("sub"); rename("sub2", "sub");
  print "." if ($n++ == 0);
}`;

/**
 * Swaps `names` of `folder`, `sub` in it included, until it is stopped; `victim` is a file that nobody but root may touch. Without
 * `fifos` for logrotate: it opens what it has seen to be a file without O_NONBLOCK, and waits for ever when it is a FIFO by then.
 */
export async function startSwapper(
  folder: string,
  victim: string,
  names: readonly string[],
  fifos = true,
): Promise<{ readonly stop: () => Promise<void> }> {
  const child = spawn('setpriv', [...asNobody, 'perl', '-e', program, fifos ? '1' : '', victim, ...names], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), exited]);
  return {
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
