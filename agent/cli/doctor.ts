/** `upkeep doctor`: looks over an installation. Exit code 1 when something must be mended, 3 for warnings with --strict. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { examineInstallation } from '../doctor/examination.ts';
import { procedures } from '../procedures/index.ts';
import type { Finding } from '../protocol/nouns.ts';
import { reportLine, writeJson, type Io } from './io.ts';
import { defaultConfigFile, defaultStateDirectory, socketIn } from './paths.ts';

interface DoctorOptions {
  readonly config?: string;
  readonly state?: string;
  readonly socket?: string;
  readonly json?: true;
  readonly strict?: true;
}

export function registerDoctor(program: Command, io: Io): void {
  program
    .command('doctor')
    .summary('look over this installation')
    .description(
      'Looks over this installation: Node, folders, configuration, store, agent, port, tools, service, clock.',
    )
    .option('--config <file>', 'configuration')
    .option('--state <dir>', "the agent's state folder")
    .option('--socket <path>', "the agent's Unix socket")
    .option('--json', 'one JSON document on standard output')
    .option('--strict', 'exit code 3 when there are warnings')
    .action(async (options: DoctorOptions) => {
      await examine(options, io);
    });
}

async function examine(options: DoctorOptions, io: Io): Promise<void> {
  const startedAt = new Date();
  const stateDirectory = resolve(options.state ?? defaultStateDirectory(io.env));
  const findings = await examineInstallation(
    {
      configFile: resolve(options.config ?? defaultConfigFile(io.env)),
      stateDirectory,
      socket: options.socket ?? socketIn(stateDirectory),
      environment: io.env,
    },
    procedures,
    io.secrets,
  );
  const outcome = outcomeOf(findings);
  if (options.json === true) {
    const endedAt = new Date().toISOString();
    writeJson(io, { procedure: 'doctor', outcome, startedAt: startedAt.toISOString(), endedAt, findings });
  } else {
    for (const { level, code, subject, message } of findings) {
      const verdict = `${level.padEnd(8)} ${code.replace('doctor.', '').padEnd(8)}`;
      io.stdout.write(`${reportLine(verdict, subject, message)}\n`);
    }
  }
  if (outcome === 'failed') io.exitCode = 1;
  else if (outcome === 'warning' && options.strict === true) io.exitCode = 3;
}

function outcomeOf(findings: readonly Finding[]): 'unchanged' | 'warning' | 'failed' {
  if (findings.some(({ level }) => level === 'critical')) return 'failed';
  return findings.some(({ level }) => level === 'warning') ? 'warning' : 'unchanged';
}
