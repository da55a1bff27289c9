/** The configuration and the scripts that it names. */
import { accessSync, constants } from 'node:fs';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { AnyProcedure } from '../procedures/define.ts';
import type { Finding } from '../protocol/nouns.ts';
import { checkScript } from '../run/ownership.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { codeOf, messageOf } from '../thrown.ts';
import { found, type Look, type Place } from './place.ts';

/** Loads the configuration for all looks, and says what is wrong with it. */
export function loadForDoctor(
  file: string,
  env: Place['environment'],
  procedures: ReadonlyMap<string, AnyProcedure>,
  secrets: Secrets,
): { readonly config: Config | null; readonly findings: readonly Finding[] } {
  const { config, diagnostics, tasks, secrets: values } = loadConfig({ file, env, procedures, missing: 'empty' });
  secrets.learn(values);
  const findings = diagnostics.map(({ severity, line, column, message }) =>
    found(severity === 'error' ? 'critical' : 'warning', 'config', `${file}:${line}:${column}`, message),
  );
  if (findings.length > 0) return { config, findings };
  return { config, findings: [found('ok', 'config', file, `${tasks} task(s), nothing is refused`)] };
}

/** Whoever can change a script commands the agent. */
export const lookAtScripts: Look = ({ config }) => {
  const findings = (config?.tasks ?? []).flatMap(({ name, action }) =>
    action.kind === 'script' ? [lookAtScript(name, action.path)] : [],
  );
  const bad = findings.filter(({ level }) => level !== 'ok');
  return bad.length > 0 || findings.length === 0
    ? bad
    : [
        found(
          'ok',
          'script',
          'scripts',
          `${findings.length} can be run, and only their owner and root can change them`,
        ),
      ];
};

function lookAtScript(task: string, path: string): Finding {
  try {
    accessSync(path, constants.X_OK);
    checkScript(path);
    return found('ok', 'script', path, `task ${task}`);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT')
      return found(
        'critical',
        'script',
        path,
        `the script of task ${task} is not there: put it there, or correct \`script\``,
      );
    if (code === 'EACCES')
      return found('critical', 'script', path, `the script of task ${task} can not be executed: chmod +x ${path}`);
    return found('critical', 'script', path, `task ${task}: ${messageOf(error)}`);
  }
}
