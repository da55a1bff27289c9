/** A YAML file as a tree of plain values in which everything knows its place in the text, and what is wrong with it. */
import { TextError } from './text.ts';

/** Why the thing that contains this node can not be used. Offsets count UTF-16 units from 0. */
export interface Fault {
  readonly offset: number;
  readonly code: string;
  readonly message: string;
}

export interface ScalarTree {
  readonly kind: 'scalar';
  readonly offset: number;
  readonly fault: Fault | null;
  readonly value: string | number | boolean | null;
  /** The text as written, for plain scalars that the schema wants as text (`0644`). */
  readonly source: string;
  readonly plain: boolean;
  /** True once a `${VARIABLE}` was replaced in it. */
  readonly substituted: boolean;
}
export interface ListTree {
  readonly kind: 'list';
  readonly offset: number;
  readonly fault: Fault | null;
  readonly items: Tree[];
}
export interface Entry {
  readonly keyOffset: number;
  readonly tree: Tree;
}
export interface MapTree {
  readonly kind: 'map';
  readonly offset: number;
  readonly fault: Fault | null;
  readonly entries: Map<string, Entry>;
}
export type Tree = ScalarTree | ListTree | MapTree;

export function tooDeep(offset: number): TextError {
  return new TextError('too-deep', 'the nesting is too deep here: no setting needs more than a few levels', offset);
}
