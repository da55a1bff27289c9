/** The three spellings of an option: `warnDays` in code, `warn_days` in YAML, `--warn-days` on the command line. */

/** The environment variable in which a running agent hands its children their options, as one JSON object. */
export const optionsVariable = 'UPKEEP_OPTIONS';

export function optionKeyFromYaml(key: string): string {
  return key.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

export function optionKeyToYaml(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** With the two dashes. */
export function optionKeyToFlag(key: string): string {
  return `--${optionKeyToYaml(key).replaceAll('_', '-')}`;
}
