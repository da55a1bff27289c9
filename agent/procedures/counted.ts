/** `1 file`, `2 files`, `-1 day`; `shown`: how the number is written. */
export function counted(count: number, noun: string, shown: (count: number) => string = String): string {
  return `${shown(count)} ${noun}${Math.abs(count) === 1 ? '' : 's'}`;
}
