/** One target of `certificates.deploy`: from the pair that was issued to the one that is served, or back. */
import type { SecureContext } from 'node:tls';
import * as z from 'zod';
import type { DeployTarget } from '../../config/certificates.ts';
import { type Endpoint, endpointName, parseEndpoint } from '../../config/endpoints.ts';
import { messageOf } from '../../thrown.ts';
import type { ProcedureContext } from '../define.ts';
import { type Accounts, accountsOf } from './accounts.ts';
import { fingerprintOf } from './analyse.ts';
import { parseContents, type Reading } from './contents.ts';
import { look, type LookOptions } from './look.ts';
import { plain } from './names.ts';
import { createPace } from './pace.ts';
import { hostOf, type Pair } from './pair.ts';
import { findProgram, type Program, runProgram } from './program.ts';
import { waitUntilServed } from './servedCheck.ts';
import { checkTargetFolders } from './targetFolders.ts';
import { type Journal, newVersion, type VersionFiles, type VersionStore } from './versions.ts';

export const deployment = z.object({
  domain: z.string(),
  /** Files of the service. */
  to: z.array(z.string()),
  endpoint: z.string().nullable(),
  /** `planned` only with --dry-run; `rolled_back`: the pair before is in place again; `refused`: nothing was touched. */
  action: z.enum(['deployed', 'unchanged', 'planned', 'rolled_back', 'refused', 'failed']),
  /** SHA-256 of the certificate that was to be deployed; null when it could not be read. */
  fingerprint: z.string().nullable(),
  /** Of the one that was in place before. */
  previousFingerprint: z.string().nullable(),
  /** By a TLS handshake: whether the endpoint serves what is in place now. */
  served: z.enum(['verified', 'differs', 'not_checked']),
});
export type Deployment = z.infer<typeof deployment>;

export function isFailure({ action }: Pick<Deployment, 'action'>): boolean {
  return action === 'rolled_back' || action === 'refused' || action === 'failed';
}

/** Found before anything is touched. */
export interface Means {
  readonly validate: Program | null;
  readonly reload: Program | null;
  readonly accounts: Accounts;
}

/** Throws one sentence when something that the target names is not there. */
export async function meansOf(target: DeployTarget, env: ProcedureContext['env']): Promise<Means> {
  checkTargetFolders(Object.values(target.to).filter((path) => path !== undefined));
  return {
    validate: target.validate === undefined ? null : await findProgram(target.validate, env),
    reload: target.reload === undefined ? null : await findProgram(target.reload, env),
    accounts: await accountsOf(target.owner, target.group),
  };
}

export interface DeploymentWorld {
  readonly context: ProcedureContext;
  readonly reading: Reading;
  readonly secureContext: SecureContext;
}

/** What became of an installed version. */
export type Activation =
  | { readonly ok: true; readonly served: 'verified' | 'not_checked' }
  /** `problem` is the end of a sentence; `back`: whether the pair before is served again, in sentences. */
  | { readonly ok: false; readonly problem: string; readonly back: string };

const validateTimeout = 60_000;
const reloadTimeout = 120_000;
/** A run that is being stopped has few seconds for the way back. */
const stoppedTimeout = 6_000;

export class TargetDeployment {
  readonly #target: DeployTarget;
  readonly #store: VersionStore;
  readonly #means: Means;
  readonly #world: DeploymentWorld;

  constructor(target: DeployTarget, store: VersionStore, means: Means, world: DeploymentWorld) {
    this.#target = target;
    this.#store = store;
    this.#means = means;
    this.#world = world;
  }

  /** Finishes or undoes what an earlier run left half-done; null when there is nothing of that kind. */
  async resume(): Promise<Activation | null> {
    const journal = await this.#store.journal();
    if (journal === null) return null;
    const current = await this.#store.current();
    if (current === journal.to) return this.#activate(journal, true);
    if (await this.#store.untouched(journal)) {
      await this.#store.switchBack(journal);
      await this.#store.settle(journal.from);
      return null;
    }
    const back = await this.#takeBack(journal, true, this.#world.context.signal);
    return { ok: false, problem: 'it was on its way back to the pair before', back };
  }

  /** Files in the form in which they are to lie there. */
  wanted(pair: Pair): VersionFiles {
    const { uid, gid } = this.#means.accounts;
    const privateMode = Number.parseInt(this.#target.mode, 8);
    return new Map(
      this.#store.roles.map((role) => {
        const mode = role === 'key' || role === 'combined' ? privateMode : 0o644;
        return [role, { bytes: Buffer.from(pair.texts[role], 'latin1'), mode, uid, gid }];
      }),
    );
  }

  /** Whether exactly these files are in force. */
  async isInstalled(wanted: VersionFiles): Promise<boolean> {
    if (!(await this.#store.linked())) return false;
    const found = await this.#store.effective();
    return [...wanted].every(([role, { bytes, mode, uid, gid }]) => {
      const file = found.get(role);
      if (file === undefined || !file.bytes.equals(bytes) || file.mode !== mode) return false;
      return (uid === -1 || uid === file.uid) && (gid === -1 || gid === file.gid);
    });
  }

  async install(wanted: VersionFiles): Promise<Activation> {
    const { now, signal } = this.#world.context;
    const version = newVersion(now());
    await this.#store.adopt(newVersion(now()));
    await this.#store.add(version, wanted);
    const silence = await this.#silence();
    signal.throwIfAborted();
    const activation = await this.#activate(await this.#store.switchTo(version), false);
    if (activation.ok || silence === null) return activation;
    const advice = `${silence} before it either: start the service, or give the target a reload that starts it (systemctl reload-or-restart), and deploy again.`;
    return { ...activation, back: `${activation.back} ${advice}` };
  }

  /** For files that are in place already: whether they are served, after a reload if need be. */
  async serve(fingerprint: string): Promise<{ readonly problem: string | null; readonly reloaded: boolean }> {
    const { signal } = this.#world.context;
    if ((await this.#served(fingerprint, 0, signal)) === null) return { problem: null, reloaded: false };
    const problem =
      (await this.#run(this.#means.validate, validateTimeout, signal)) ??
      (await this.#run(this.#means.reload, reloadTimeout, signal)) ??
      (await this.#served(fingerprint, this.#target.served_within, signal));
    return { problem, reloaded: true };
  }

  async #activate(journal: Journal, resumed: boolean): Promise<Activation> {
    const { signal } = this.#world.context;
    let told = resumed;
    try {
      let problem = await this.#run(this.#means.validate, validateTimeout, signal);
      if (problem === null) {
        told = true;
        problem = await this.#run(this.#means.reload, reloadTimeout, signal);
      }
      const fingerprint = await this.fingerprintOf(journal.to);
      if (problem === null && fingerprint !== null) {
        problem = await this.#served(fingerprint, this.#target.served_within, signal);
      }
      if (problem !== null) return { ok: false, problem, back: await this.#takeBack(journal, told, signal) };
      await this.#store.settle(journal.from);
      return { ok: true, served: this.#target.endpoint === undefined ? 'not_checked' : 'verified' };
    } catch (error) {
      if (signal.aborted) await this.#stopped(journal, told);
      throw error;
    }
  }

  /** The way back of a run that is being stopped: told as it ends, for such a run has no result. */
  async #stopped(journal: Journal, told: boolean): Promise<void> {
    const { domain } = this.#target;
    const stop = AbortSignal.timeout(stoppedTimeout);
    const tell = (back: string): void => {
      const message = `The deployment of ${domain} was stopped on its way. ${back}`;
      this.#world.context.finding({ level: 'critical', code: 'certificates.deploy', subject: domain, message });
    };
    try {
      tell(await this.#takeBack(journal, told, stop));
    } catch (error) {
      // Its journal stays, so the next run takes the rest of the way.
      const how =
        error === stop.reason
          ? `The pair before is in place again, but within ${stoppedTimeout / 1000} s nobody could see that it is served`
          : `The pair before could not be put back: ${plain(messageOf(error))}`;
      tell(`${how}; run deploy-certificate again, which finishes or undoes it.`);
    }
  }

  /** Puts the pair before in force, and tells the service when it may have read the other one. Returns a sentence about it. */
  async #takeBack(journal: Journal, told: boolean, signal: AbortSignal): Promise<string> {
    await this.#store.switchBack(journal);
    const fingerprint = journal.from === null ? null : await this.fingerprintOf(journal.from, signal);
    let sentence = 'There was no pair before, so its files are gone again.';
    if (journal.from !== null) {
      sentence = 'The pair before is in place again.';
      const problem = told ? await this.#run(this.#means.reload, reloadTimeout, signal) : null;
      if (problem !== null) sentence = `The pair before is in place again, but ${problem}.`;
      else if (fingerprint !== null && this.#target.endpoint !== undefined) {
        // A service that was told nothing has nothing to wait for.
        const unserved = await this.#served(fingerprint, told ? this.#target.served_within : 0, signal);
        sentence =
          unserved === null
            ? 'The pair before is in place and served again.'
            : `The pair before is in place again, but ${unserved}.`;
      }
    }
    await this.#store.settle(journal.from);
    return sentence;
  }

  /** Of the certificate of a version; null when it holds none that can be read. */
  async fingerprintOf(version: string, signal = this.#world.context.signal): Promise<string | null> {
    const files = await this.#store.files(version);
    // By the signal of the way back where the run itself is stopped: its own would end the reading, and so the look at what is served.
    return leafFingerprint(files, { ...this.#world.reading, signal, pace: createPace(signal) });
  }

  async #run(program: Program | null, timeout: number, signal: AbortSignal): Promise<string | null> {
    if (program === null) return null;
    const { env, print } = this.#world.context;
    print(`Running ${program.shown}`);
    return (await runProgram(program, timeout, { env, signal })).problem;
  }

  /** That nothing answers at the endpoint, as the beginning of a sentence; null when something does. */
  async #silence(): Promise<string | null> {
    const endpoint = this.#endpoint();
    if (endpoint === null) return null;
    const seen = await look(endpoint, this.#lookOptions());
    return seen.kind === 'nothing' ? `Nothing could be seen at ${endpointName(endpoint)}` : null;
  }

  #endpoint(): Endpoint | null {
    return this.#target.endpoint === undefined ? null : parseEndpoint(this.#target.endpoint);
  }

  #lookOptions(signal = this.#world.context.signal): LookOptions {
    const { context, secureContext } = this.#world;
    const { timeout } = context.config.certificates;
    return { name: hostOf(this.#target.domain), timeout, secureContext, signal };
  }

  async #served(fingerprint: string, within: number, signal: AbortSignal): Promise<string | null> {
    const endpoint = this.#endpoint();
    if (endpoint === null) return null;
    return waitUntilServed({ endpoint, fingerprint, within, ...this.#lookOptions(signal) });
  }
}

/** SHA-256 of the first certificate of installed files; null when there is none. */
export async function leafFingerprint(files: VersionFiles, reading: Reading): Promise<string | null> {
  const file = files.get('cert') ?? files.get('combined');
  if (file === undefined) return null;
  return parseContents(file.bytes, reading).then(
    ({ certificates: [leaf] }) => (leaf === undefined ? null : fingerprintOf(leaf)),
    // What was there before need not be a certificate.
    () => null,
  );
}
