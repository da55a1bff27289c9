/** What a program says last, on its standard error and so without a time, when nobody catches what went wrong. */
import { startsWith } from './bytes.ts';

/** Go, Rust, C++, the C library. Python and Java have their own words (assembler.ts). */
const words = [
  'panic: ',
  'fatal error: ',
  'terminate called ',
  'Segmentation fault',
  '*** stack smashing detected ***',
];

/** Begins a record of its own, whatever stands before it. */
export function isCrash(bytes: Buffer, start: number, end: number): boolean {
  return words.some((word) => startsWith(bytes, start, end, word)) || isRustPanic(bytes, start, end);
}

/** `thread 'main' panicked at src/main.rs:2:5:`, and what is wrong on the next line (since Rust 1.73). */
export function isRustPanic(bytes: Buffer, start: number, end: number): boolean {
  if (!startsWith(bytes, start, end, "thread '")) return false;
  return bytes.toString('latin1', start, Math.min(end, start + 200)).includes("' panicked at ");
}

const uncaught = /^(?:Uncaught |[A-Z][A-Za-z]{0,60}Error\b(?: \[\w+\])?: )/;

/** `TypeError: x is not a function`, as Node.js ends with it; names of Java have a package before them. */
export function isUncaught(bytes: Buffer, start: number, end: number): boolean {
  const first = bytes[start] ?? 0;
  return first >= 65 && first <= 90 && uncaught.test(bytes.toString('latin1', start, Math.min(end, start + 100)));
}

const goLine = /^(?:goroutine \d+ \[|created by |exit status \d|\[signal |\[recovered\]|panic\()/;
const goCall = /^[\w./*$()[\]-]{1,200}\(/;

/** A line of the stacks that Go prints behind a panic; those of source files are indented. */
export function isGoStack(bytes: Buffer, start: number, end: number): boolean {
  const text = bytes.toString('latin1', start, Math.min(end, start + 400));
  return goLine.test(text) || (bytes[end - 1] === 41 && goCall.test(text));
}
