/** Entry of the agent and its command line: argv → command → exit code. */
import { inspect } from 'node:util';
import { runCommand } from './cli/program.ts';
import { environmentSecrets, Secrets } from './secrets/secrets.ts';

// A reader that went away (`upkeep runs | head`) is no failure of ours.
process.stdout.on('error', () => undefined);

// VS Code's Electron was told to be Node by this variable; programs that a procedure starts must not be told the same.
const env = { ...process.env };
delete env['ELECTRON_RUN_AS_NODE'];

const secrets = new Secrets(environmentSecrets(env));
const masked = (stream: NodeJS.WritableStream) => ({
  write: (text: string | Uint8Array) => stream.write(typeof text === 'string' ? secrets.text(text) : text),
});
process.on('uncaughtException', (error) => {
  // As Node tells it, but masked.
  process.stderr.write(`${secrets.text(inspect(error))}\n`);
  process.exit(1);
});

const stdout = masked(process.stdout);
const stderr = masked(process.stderr);
const code = await runCommand(process.argv.slice(2), { stdout, stderr, env, secrets, exitCode: 0 });
// Not process.exit at once: what was written to a pipe must arrive. Anything still open then is ended by it.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
