/** Entry of the agent and its command line: argv → command → exit code. */
import { runCommand } from './cli/program.ts';

// A reader that went away (`upkeep runs | head`) is no failure of ours.
process.stdout.on('error', () => undefined);

// VS Code's Electron was told to be Node by this variable; programs that a procedure starts must not be told the same.
const env = { ...process.env };
delete env['ELECTRON_RUN_AS_NODE'];

const code = await runCommand(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env,
  exitCode: 0,
});
// Not process.exit at once: what was written to a pipe must arrive. Anything still open then is ended by it.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
