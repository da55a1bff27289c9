/** Everything that asks or tells a person something, behind one small interface. */

export interface Choice<T> {
  readonly label: string;
  /** Name of a codicon. */
  readonly icon?: string;
  readonly description?: string;
  readonly detail?: string;
  readonly picked?: boolean;
  readonly value: T;
}

export interface StepOptions {
  readonly title: string;
  readonly placeholder?: string;
  /** Place in a row of questions; from the second one there is a way back. */
  readonly step?: { readonly number: number; readonly total: number };
  /** There is a way back although it has no place in a row. */
  readonly canGoBack?: boolean;
}

export interface InputOptions extends StepOptions {
  readonly prompt?: string;
  readonly value?: string;
  readonly password?: boolean;
  /** What is wrong with the text, or null. */
  readonly validate?: (text: string) => string | null;
}

/** The person went back to the question before. */
export const back = Symbol('back');
/** Undefined: the person gave up. */
export type Reply<T> = T | typeof back | undefined;

export interface Dialogs {
  readonly pick: <T>(choices: readonly Choice<T>[], options: StepOptions) => Promise<Reply<T>>;
  readonly pickMany: <T>(choices: readonly Choice<T>[], options: StepOptions) => Promise<Reply<readonly T[]>>;
  readonly input: (options: InputOptions) => Promise<Reply<string>>;
  /** Modal; true only when the person chose `action`. */
  readonly confirm: (message: string, detail: string, action: string) => Promise<boolean>;
  /** Not modal; gives the action that was chosen. */
  readonly inform: (message: string, ...actions: readonly string[]) => Promise<string | undefined>;
  readonly warn: (message: string, ...actions: readonly string[]) => Promise<string | undefined>;
  readonly error: (message: string, ...actions: readonly string[]) => Promise<string | undefined>;
}

/** One question of a row; it stores its answer itself. */
export type Step = (place: { readonly number: number; readonly total: number }) => Promise<Reply<unknown>>;

/** Asks the questions in order, with a way back; false when the person gave up. */
export async function askInTurn(steps: readonly Step[]): Promise<boolean> {
  let index = 0;
  for (let step = steps[0]; step !== undefined; step = steps[index]) {
    const reply = await step({ number: index + 1, total: steps.length });
    if (reply === undefined) return false;
    index = reply === back ? Math.max(0, index - 1) : index + 1;
  }
  return true;
}

/** A reply where going back means giving up. */
export function chosen<T>(reply: Reply<T>): T | undefined {
  return reply === back ? undefined : reply;
}
