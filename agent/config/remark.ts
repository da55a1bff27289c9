/** What loading has to say about places in the text. */

/** A remark about a place in the text; offsets count UTF-16 units from 0. */
export interface Remark {
  readonly offset: number;
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly task: string | null;
  readonly message: string;
}

/** Collects what is to be said about one task. */
export class Notes {
  readonly remarks: Remark[] = [];
  readonly task: string | null;

  constructor(task: string | null) {
    this.task = task;
  }

  error(offset: number, code: string, message: string): void {
    this.remarks.push({ offset, severity: 'error', code, task: this.task, message });
  }

  warning(offset: number, code: string, message: string): void {
    this.remarks.push({ offset, severity: 'warning', code, task: this.task, message });
  }
}
