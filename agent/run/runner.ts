/**
 * Runs from the request to the end: recorded before anything is started, queued while something is in their way, and ended
 * exactly once. Who may start is decided by `queue.ts`; what happens then is `execution.ts`.
 */
import type { Role, Run } from '../protocol/nouns.ts';
import { Seal } from '../secrets/seal.ts';
import { findRunByRequest, listOpenRuns } from '../store/runs.ts';
import { lookAtLeft } from './adopt.ts';
import { approve, isApproved, type ApprovalAnswer } from './approval.ts';
import { RunDirectory, unknownLaunch, type Launch } from './directory.ts';
import { Entry } from './entry.ts';
import { Execution, type ExecutionEnd } from './execution.ts';
import { followUpsOf, type FollowUp } from './followUps.ts';
import { launchOf } from './launchOf.ts';
import { RunRecords } from './records.ts';
import { endedRun, newRun, queuedRun, type RunRequest } from './request.ts';
import { lookingAtRequirements, unmetRequirement } from './requires.ts';
import { executionDefaults, surroundingsFor, type EndedRun, type RunnerParts } from './runnerParts.ts';
import { startProblem } from './startProblem.ts';
import type { Surroundings } from './surroundings.ts';
import { WaitingRoom } from './waitingRoom.ts';

export type { AlertOn, RunRequest } from './request.ts';
export type { EndedRun, RunnerParts } from './runnerParts.ts';

/** An end that could not be written down (the disk is full) is tried again so often. */
const rewriteMs = 5000;

export class Runner {
  readonly #parts: RunnerParts;
  readonly #records: RunRecords;
  readonly #room: WaitingRoom;
  readonly #seal: Seal;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(ended: EndedRun) => void>();
  #stopped = false;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    this.#seal = parts.seal ?? new Seal(() => new Map());
    this.#records = new RunRecords(parts.database, parts.events);
    this.#room = new WaitingRoom({
      clock: parts.clock,
      limits: parts.limits ?? (() => ({ total: Number.POSITIVE_INFINITY, groups: {} })),
      entries: this.#entries,
      save: (run) => {
        this.#save(run);
      },
      begin: (entry) => {
        void this.#begin(entry);
      },
      expire: (entry) => {
        this.#close(entry, 'skipped', 'it was not approved in time');
      },
    });
  }

  /** Takes over what another agent left: goes on with what runs, ends what ended meanwhile, queues what waited. */
  async start(): Promise<void> {
    this.#room.hold();
    try {
      for (const run of listOpenRuns(this.#parts.database)) await this.#restore(run);
    } finally {
      this.#room.release();
    }
  }

  /** Stops watching; what runs goes on, what waits stays queued, and the next agent takes over both. */
  stop(): void {
    // Ends that wait for their commit are written down and told of.
    this.#records.settle();
    this.#stopped = true;
    this.#room.stop();
    for (const entry of this.#entries.values()) {
      entry.abort.abort();
      entry.execution?.release();
    }
    this.#entries.clear();
  }

  onEnded(listener: (ended: EndedRun) => void): void {
    this.#listeners.add(listener);
  }

  /** Queued ones included, in the order in which they were asked for. */
  openRuns(): readonly Run[] {
    return [...this.#entries.values()].map((entry) => entry.run);
  }

  /** The oldest open run of a task, if there is one. */
  openRunOf(task: string): Run | null {
    return this.openRuns().find((run) => run.task === task && run.kind !== 'block') ?? null;
  }

  /** True when this very request started the run: a client that asks again after a lost answer. */
  isSameRequest(runId: string, requestId: string): boolean {
    return findRunByRequest(this.#parts.database, requestId)?.id === runId;
  }

  /** Resolves with the run as it ended; null when it is not open. */
  whenEnded(runId: string): Promise<Run> | null {
    return this.#entries.get(runId)?.ended.promise ?? null;
  }

  /** The configuration has changed: other limits may let more runs start. */
  limitsChanged(): void {
    this.#room.look();
  }

  /**
   * Starts a run, or queues it where it must wait. The same `requestId` gives the same run again. With overlap `replace`
   * the open runs of its task are stopped; who wants to forbid an overlap asks `openRunOf` before.
   */
  async launch(request: RunRequest): Promise<Run> {
    const earlier = this.#earlierOf(request.requestId);
    if (earlier !== null) return earlier;
    const now = this.#parts.clock.now();
    const run = newRun(request, now);
    let entry: Entry;
    try {
      entry = this.#prepare(run, request);
    } catch (error) {
      return this.#recordEnded(request, run, 'failed', `could not be started: ${startProblem(error)}`);
    }
    if (entry.launch.settings.overlap === 'replace' && !run.dryRun) this.#replaceBy(entry);
    const atOnce = this.#room.canStart(entry);
    this.#entries.set(run.id, entry);
    try {
      if (atOnce) entry.begin(now);
      else entry.directory.writeLaunch(entry.launch, true);
      entry.run = this.#room.join(entry, atOnce);
      if (atOnce) await this.#records.inserted(entry.run, request);
      else this.#records.insert(entry.run, request.requestId, request.onRecord);
    } catch (error) {
      this.#forget(entry);
      // Its folder could not be written, as on a full disk: the store may still take the record.
      if (!(error instanceof Error) || !('syscall' in error)) throw error;
      return this.#recordEnded(request, run, 'failed', `could not be started: ${startProblem(error)}`);
    }
    if (atOnce) await this.#execute(entry);
    else this.#room.look();
    return entry.run;
  }

  /** Records a run that was not started, with the reason. */
  recordSkipped(request: Omit<RunRequest, 'command'>, outcome: 'skipped' | 'missed', reason: string): Run {
    return this.#recordEnded(request, newRun(request, this.#parts.clock.now()), outcome, reason);
  }

  /** Stops an open run and resolves with it once it has ended; null when it is not open. */
  async cancel(runId: string, by: string): Promise<Run | null> {
    const entry = this.#entries.get(runId);
    if (entry === undefined) return null;
    this.#stopEntry(entry, by);
    return entry.ended.promise;
  }

  /** One approval of a queued run; it starts when it has all that it needs. Null when it does not wait for approval. */
  approve(runId: string, by: { readonly actor: string; readonly role: Role }): ApprovalAnswer | null {
    const entry = this.#entries.get(runId);
    const approval = entry?.run.approval;
    if (entry === undefined || approval === null || approval === undefined || isApproved(approval)) return null;
    const answer = approve(approval, entry.run.actor, by, this.#parts.clock.now());
    if (!answer.ok) return answer;
    const before = entry.run;
    entry.run = { ...before, approval: answer.approval };
    try {
      this.#records.update(entry.run);
    } catch (error) {
      // What is not written down was not approved.
      entry.run = before;
      throw error;
    }
    this.#room.approved(entry);
    return answer;
  }

  /** Ends a run that waits for approval; null when it does not. */
  reject(runId: string, by: string, reason: string | null): Run | null {
    const entry = this.#entries.get(runId);
    if (entry === undefined || isApproved(entry.run.approval)) return null;
    this.#close(entry, 'cancelled', `refused by ${by}${reason === null ? '' : `: ${reason}`}`);
    return entry.run;
  }

  /** Of this request; the answer tells of it, so it is on the disk. */
  #earlierOf(requestId: string | null): Run | null {
    const earlier = requestId === null ? null : findRunByRequest(this.#parts.database, requestId);
    if (earlier === null) return null;
    this.#records.settle();
    return this.#entries.get(earlier.id)?.run ?? earlier;
  }

  #prepare(run: Run, request: RunRequest): Entry {
    const directory = this.#directoryOf(run.id);
    directory.create();
    const launch = launchOf(run, request, directory, this.#seal);
    return new Entry(launch, directory, null);
  }

  async #begin(entry: Entry): Promise<void> {
    try {
      const unmet = await this.#unmetOf(entry);
      if (this.#stopped || !this.#entries.has(entry.run.id)) return;
      if (unmet !== null) {
        this.#close(entry, 'skipped', `a requirement is not met: ${unmet}`);
        return;
      }
      entry.begin(this.#parts.clock.now());
      await this.#records.updated(entry.run);
    } catch (error) {
      if (this.#entries.has(entry.run.id)) this.#close(entry, 'failed', `could not be started: ${startProblem(error)}`);
      return;
    }
    await this.#execute(entry);
  }

  async #unmetOf(entry: Entry): Promise<string | null> {
    const { requires } = entry.launch.settings;
    if (requires === null || entry.run.dryRun) return null;
    entry.run = { ...entry.run, ...lookingAtRequirements };
    this.#save(entry.run);
    const surroundings = await this.#surroundings(entry.launch, entry.directory);
    return unmetRequirement(requires, { ...surroundings, signal: entry.abort.signal });
  }

  async #execute(entry: Entry): Promise<void> {
    // While it was written down it was cancelled, or the agent is being stopped: the next one starts it.
    if (this.#stopped || !this.#entries.has(entry.run.id)) return;
    this.#parts.onBegin?.(entry.run.id);
    entry.execution = this.#executionOf(entry);
    await entry.execution.start();
  }

  #executionOf(entry: Entry): Execution {
    return new Execution(entry.run, entry.launch, entry.directory, {
      ...executionDefaults(this.#parts),
      surroundings: (launch, directory) => this.#surroundings(launch, directory),
      onChange: (run) => {
        this.#save(run);
      },
      onProgress: (runId, progress) => {
        this.#records.progress(runId, progress);
      },
      onEnd: (ended) => {
        this.#ended(entry, ended, 'soon');
      },
    });
  }

  #surroundings(launch: Launch, directory: RunDirectory): Promise<Surroundings> {
    return surroundingsFor(this.#parts, this.#seal, launch, directory);
  }

  async #restore(run: Run): Promise<void> {
    const directory = this.#directoryOf(run.id);
    const { launch, began, problem } = await lookAtLeft(run, directory);
    if (problem !== null)
      this.#parts.log.error({ run: run.id, task: run.task, problem }, 'a run of an earlier agent is not whole');
    const notBefore = run.waitingFor === 'retry' && run.waitingUntil ? Date.parse(run.waitingUntil) : null;
    const entry = new Entry({ ...(launch ?? unknownLaunch(run)), run }, directory, notBefore);
    this.#entries.set(run.id, entry);
    if (began) {
      this.#room.resume(entry);
      this.#parts.onBegin?.(run.id);
      entry.execution = this.#executionOf(entry);
      await entry.execution.adopt();
    } else if (launch === null) {
      this.#close(entry, 'lost', `could not be started: ${problem ?? ''}; ask for it again`);
    } else {
      entry.run = queuedRun(run);
      entry.run = this.#room.join(entry, false);
      this.#save(entry.run);
    }
  }

  #replaceBy(newer: Entry): void {
    for (const entry of this.#entries.values()) {
      const { task, kind } = entry.run;
      if (task === newer.run.task && kind !== 'block')
        this.#stopEntry(entry, `the run ${newer.run.id}, which replaces it`);
    }
  }

  #stopEntry(entry: Entry, by: string): void {
    if (entry.execution !== null) entry.execution.stop('cancelled', by);
    else this.#close(entry, 'cancelled', `taken back by ${by} before it started`);
  }

  /** Ends a run that never had a process. */
  #close(entry: Entry, outcome: NonNullable<Run['outcome']>, reason: string): void {
    entry.abort.abort();
    const run = endedRun(entry.run, outcome, this.#parts.secrets.text(reason), this.#parts.clock.now());
    entry.run = run;
    this.#ended(entry, { run, findings: [], end: null }, 'at once');
  }

  /** Writes down the end and what follows from it, together, and tells everyone. */
  #ended(entry: Entry, ended: ExecutionEnd, how: 'at once' | 'soon'): void {
    const [now, random] = [this.#parts.clock.now(), (this.#parts.random ?? Math.random)()];
    this.#settle(entry, ended, followUpsOf(ended.run, entry.launch, { now, random, claims: entry.ticket.claims }), how);
  }

  /** `soon`: in a commit that others share, which is for what has had a process; until then nobody else can end it. */
  #settle(entry: Entry, ended: ExecutionEnd, followUps: readonly FollowUp[], how: 'at once' | 'soon'): void {
    if (this.#stopped || !this.#entries.has(ended.run.id)) return;
    const failed = (error: unknown): void => {
      this.#parts.log.error(
        { run: ended.run.id, error },
        'the end of a run could not be written down; it is tried again',
      );
      this.#parts.clock.after(rewriteMs, () => {
        this.#settle(entry, ended, followUps, how);
      });
    };
    let next: readonly Entry[];
    try {
      next = followUps.map((followUp) => this.#follow(followUp));
      const work = (): void => {
        this.#records.update(ended.run);
        for (const { run } of next) this.#records.insert(run, null);
      };
      if (how === 'at once') this.#records.together(work);
      else {
        this.#records.soon(work, (error) => {
          if (error === null) this.#settled(entry, ended, next);
          else failed(error);
        });
      }
    } catch (error) {
      failed(error);
      return;
    }
    if (how === 'at once') this.#settled(entry, ended, next);
  }

  #settled(entry: Entry, ended: ExecutionEnd, next: readonly Entry[]): void {
    if (this.#stopped) return;
    this.#entries.delete(ended.run.id);
    for (const follower of next) {
      this.#entries.set(follower.run.id, follower);
      follower.run = this.#room.join(follower, false);
    }
    this.#writeEnd(entry, ended.run);
    const again = next.some(({ run }) => run.trigger === 'retry');
    const told: EndedRun = { ...ended, alertOn: again ? 'nothing' : entry.launch.alertOn };
    for (const listener of this.#listeners) listener(told);
    entry.ended.resolve(ended.run);
    this.#room.leave(entry);
  }

  #follow({ launch, notBefore }: FollowUp): Entry {
    const directory = this.#directoryOf(launch.run.id);
    directory.create();
    directory.writeLaunch(launch, true);
    return new Entry(launch, directory, notBefore);
  }

  #writeEnd(entry: Entry, run: Run): void {
    try {
      entry.directory.writeEnd(run);
    } catch (error) {
      // The index has it.
      this.#parts.log.warn({ run: run.id, error }, 'the end of a run could not be written into its folder');
    }
  }

  #recordEnded(
    request: Omit<RunRequest, 'command'>,
    fresh: Run,
    outcome: 'skipped' | 'missed' | 'failed',
    reason: string,
  ): Run {
    const run = endedRun(fresh, outcome, this.#parts.secrets.text(reason), this.#parts.clock.now());
    this.#records.insert(run, request.requestId, request.onRecord);
    const ended = { run, findings: [], end: null, alertOn: request.alertOn };
    for (const listener of this.#listeners) listener(ended);
    return run;
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry.run.id);
    this.#room.leave(entry);
  }

  /** A change on the way; the end is what must be written down, and is tried again. */
  #save(run: Run): void {
    try {
      this.#records.update(run);
    } catch (error) {
      this.#parts.log.error({ run: run.id, error }, 'a change of a run could not be written down');
    }
  }

  #directoryOf(runId: string): RunDirectory {
    const directory = RunDirectory.of(this.#parts.root, runId);
    if (directory === null) throw new Error(`"${runId}" is not a run id`);
    return directory;
  }
}
