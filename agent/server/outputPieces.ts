/**
 * Pieces of output that many follow: who asks for the same piece gets the same answer, read, masked, checked and encoded once.
 * A few whole pieces are kept for those who are a little behind, and let go soon after the last one was made.
 */
import type { MethodResult } from '../protocol/methods.ts';
import { readOutput } from '../run/output.ts';
import type { Masker } from '../secrets/masker.ts';
import { checkResult } from './dispatch.ts';
import { encodeAnswer, forgetEncoding } from './encodedAnswers.ts';

type Answer = MethodResult<'runs.output'>;

export interface OutputWanted {
  readonly file: string;
  readonly offset: number;
  readonly limit: number;
  /** True = the run has ended: what is there now is all. */
  readonly ended: boolean;
  readonly masker: Masker;
}

/** Two megabytes of output, as text and as bytes. */
const mostKept = 8;
const keptMs = 2000;
/** Shorter pieces cost little to make again. */
const worthKeeping = 32 * 1024;

export class OutputPieces {
  /** In the order in which they were asked for last. */
  readonly #pieces = new Map<string, Promise<Answer>>();
  readonly #kept = new Map<string, Answer>();
  readonly #keptMs: number;
  #masker: Masker | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(howLongMs = keptMs) {
    this.#keptMs = howLongMs;
  }

  /** Pieces that are kept now. */
  get size(): number {
    return this.#kept.size;
  }

  /** Rejects as `readOutput` does. The answer is shared: it must not be changed. */
  get(wanted: OutputWanted): Promise<Answer> {
    if (wanted.masker !== this.#masker) this.#clear();
    this.#masker = wanted.masker;
    const { file, offset, limit, ended } = wanted;
    const key = JSON.stringify([file, offset, limit, ended]);
    const known = this.#pieces.get(key);
    const piece = known ?? this.#read(key, wanted);
    this.#pieces.delete(key);
    this.#pieces.set(key, piece);
    return piece;
  }

  #read(key: string, wanted: OutputWanted): Promise<Answer> {
    const { file, offset, limit, ended, masker } = wanted;
    const piece = readOutput(file, offset, limit, { masker, growing: !ended })
      .then((read) => {
        const answer = checkResult('runs.output', { ...read, ended });
        if (this.#pieces.get(key) !== piece) return answer;
        if (isWhole(answer, limit)) this.#keep(key, answer);
        else this.#pieces.delete(key);
        return answer;
      })
      .catch((error: unknown) => {
        if (this.#pieces.get(key) === piece) this.#pieces.delete(key);
        throw error;
      });
    return piece;
  }

  #keep(key: string, answer: Answer): void {
    encodeAnswer(answer);
    this.#kept.set(key, answer);
    for (const old of this.#pieces.keys()) {
      if (this.#kept.size <= mostKept) break;
      this.#drop(old);
    }
    this.#timer?.refresh();
    this.#timer ??= setTimeout(() => {
      this.#clear();
    }, this.#keptMs).unref();
  }

  /** One that is being read is none yet. */
  #drop(key: string): void {
    const answer = this.#kept.get(key);
    if (answer === undefined) return;
    forgetEncoding(answer);
    this.#kept.delete(key);
    this.#pieces.delete(key);
  }

  #clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const key of this.#kept.keys()) this.#drop(key);
    this.#pieces.clear();
  }
}

/**
 * Whatever is written later, its bytes stay as they are: it ends at the limit (or a character before it), not at the end of what there is, which
 * may be held back or grow. Of a gap there is only a mark.
 */
function isWhole({ offset, nextOffset, dropped }: Answer, limit: number): boolean {
  return dropped === undefined && limit >= worthKeeping && nextOffset - offset > limit - 4;
}
