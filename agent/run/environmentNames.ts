/**
 * Names of environment variables that a task's `env` may not set: by them a loader, a shell or an interpreter runs code
 * that is not the task's, or Upkeep would be told something wrong. Sources: ld.so(8), dash(1), bash(1) "Bash Variables",
 * git(1) "Environment Variables", perlrun(1), python(1), ruby(1), Node.js CLI documentation.
 */

const loaders = [
  'GCONV_PATH',
  'GETCONF_DIR',
  'GLIBC_TUNABLES',
  'HOSTALIASES',
  'LOCALDOMAIN',
  'LOCPATH',
  'NLSPATH',
  'RES_OPTIONS',
];
const shells = [
  'BASH_ENV',
  'BASHOPTS',
  'BASH_XTRACEFD',
  'CDPATH',
  'ENV',
  'GLOBIGNORE',
  'IFS',
  'PROMPT_COMMAND',
  'PS0',
  'PS1',
  'PS2',
  'PS4',
  'SHELLOPTS',
  'ZDOTDIR',
];
const interpreters = [
  'AWKPATH',
  'CLASSPATH',
  'ELECTRON_RUN_AS_NODE',
  'JAVA_TOOL_OPTIONS',
  'JDK_JAVA_OPTIONS',
  '_JAVA_OPTIONS',
  'LUA_INIT',
  'NODE_OPTIONS',
  'NODE_PATH',
  'NODE_REPL_EXTERNAL_MODULE',
  'PERL5DB',
  'PERL5LIB',
  'PERL5OPT',
  'PERLLIB',
  'PHPRC',
  'PHP_INI_SCAN_DIR',
  'RUBYLIB',
  'RUBYOPT',
];
const programs = [
  'BROWSER',
  'EDITOR',
  'LESSCLOSE',
  'LESSOPEN',
  'MANPAGER',
  'PAGER',
  'PSQLRC',
  'PSQL_EDITOR',
  'PSQL_PAGER',
  'SSH_ASKPASS',
  'SUDO_ASKPASS',
  'TAR_OPTIONS',
  'VISUAL',
];
const refusedNames: ReadonlySet<string> = new Set([...loaders, ...shells, ...interpreters, ...programs]);
/** `GIT_AUTHOR_…` and `GIT_COMMITTER_…` are only names; the others choose programs, files and settings. */
const refusedPrefixes = ['LD_', 'DYLD_', 'BASH_FUNC_', 'GIT_', 'MALLOC_', 'PYTHON', 'UPKEEP_'];
const harmlessPrefixes = ['GIT_AUTHOR_', 'GIT_COMMITTER_', 'PYTHONUNBUFFERED', 'PYTHONIOENCODING', 'PYTHONUTF8'];

/** Why this variable may not be set, without an end; null = it may. */
export function refusedVariable(name: string, value: string): string | null {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return `\`${printable(name)}\` is no name of a variable: letters, digits and \`_\`, first no digit`;
  }
  if (value.includes('\0')) return `\`${name}\` holds a NUL character: remove it`;
  if (name === 'PATH') return refusedPath(value);
  const harmless = harmlessPrefixes.some((prefix) => name.startsWith(prefix));
  if (harmless) return null;
  if (!refusedNames.has(name) && !refusedPrefixes.some((prefix) => name.startsWith(prefix))) return null;
  return `\`${name}\` may not be set: other programs take code or orders from it; set it within the script if it must be`;
}

function refusedPath(value: string): string | null {
  const relative = value.split(':').find((entry) => !entry.startsWith('/'));
  if (relative === undefined) return null;
  return `\`PATH\` holds ${relative === '' ? 'an empty entry' : `\`${printable(relative)}\``}: all its folders must be absolute`;
}

function printable(text: string): string {
  return text.slice(0, 60).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?');
}
