/** Deploys targets one after the other, and tells what became of each. */
import { createSecureContext } from 'node:tls';
import type { DeployTarget } from '../../config/certificates.ts';
import { messageOf } from '../../thrown.ts';
import type { ProcedureContext } from '../define.ts';
import type { Yardstick } from './analyse.ts';
import { authoritiesOf } from './authorities.ts';
import {
  type Activation,
  type Deployment,
  type DeploymentWorld,
  leafFingerprint,
  type Means,
  meansOf,
  TargetDeployment,
} from './deployment.ts';
import { findingsOf } from './findings.ts';
import { plain } from './names.ts';
import { createPace } from './pace.ts';
import { type Pair, pairFiles, readPair } from './pair.ts';
import { day } from './problems.ts';
import { loadTrustedRoots } from './roots.ts';
import { VersionStore } from './versions.ts';

export interface Deployer {
  readonly deploy: (target: DeployTarget) => Promise<Deployment>;
  /** What `deploy` would do once there is a new certificate; changes nothing. */
  readonly plan: (target: DeployTarget) => Promise<Deployment>;
}

export async function createDeployer(context: ProcedureContext): Promise<Deployer> {
  const pace = createPace(context.signal);
  const { password } = context.config.certificates;
  const roots = await loadTrustedRoots(await authoritiesOf(undefined, context), context.env, pace);
  const reading = {
    password,
    pace,
    signal: context.signal,
    seen: new Map(),
    answering: new Set<string>(),
    loose: true,
  };
  const world = { context, reading, secureContext: createSecureContext({ ca: [...roots.pems] }) };
  return {
    deploy: (target) => deployOne(target, world, { now: context.now(), warnDays: undefined, roots }),
    plan: (target) => planOne(target, world),
  };
}

async function planOne(target: DeployTarget, { context, reading }: DeploymentWorld): Promise<Deployment> {
  const store = new VersionStore(target.to);
  const known = knownOf(target, store);
  try {
    known.previousFingerprint = await leafFingerprint(await store.effective(), reading);
    printPlan(`The new certificate of ${target.domain}`, target, await meansOf(target, context.env), store, context);
    return { ...known, action: 'planned', served: 'not_checked' };
  } catch (error) {
    return failed(known, error, context);
  }
}

function knownOf({ domain, endpoint }: DeployTarget, { paths }: VersionStore): Known {
  return { domain, to: [...paths], endpoint: endpoint ?? null, fingerprint: null, previousFingerprint: null };
}

function failed(known: Known, error: unknown, context: ProcedureContext): Deployment {
  context.signal.throwIfAborted();
  const message = plain(messageOf(error));
  return tell(known, 'failed', context, `The certificate of ${known.domain} is not deployed: ${message}.`);
}

async function deployOne(target: DeployTarget, world: DeploymentWorld, yardstick: Yardstick): Promise<Deployment> {
  const { context, reading } = world;
  const { domain } = target;
  const store = new VersionStore(target.to);
  const known = knownOf(target, store);
  const files = pairFiles(target, context.config.certificates);
  const { pair, analysis } = await readPair(files, domain, reading, yardstick);
  known.fingerprint = analysis.certificate.fingerprint;
  try {
    const means = await meansOf(target, context.env);
    known.previousFingerprint = await leafFingerprint(await store.effective(), reading);
    if (pair === null) {
      for (const finding of findingsOf(analysis, context.config.certificates)) context.finding(finding);
      // What an earlier run left half-done must not wait for a certificate that is in order.
      if (!context.dryRun && (await store.exists())) await withStore(store, () => resumed(target, store, means, world));
      return tell(
        known,
        'refused',
        context,
        `The certificate of ${domain} is not deployed: ${files.cert} and ${files.key} are no pair that a service should be started with.`,
      );
    }
    if (context.dryRun) return await planned(target, store, means, world, known, pair);
    return await withStore(store, () => install(target, store, means, world, known, pair));
  } catch (error) {
    return failed(known, error, context);
  }
}

interface Known extends Pick<Deployment, 'domain' | 'endpoint'> {
  readonly to: string[];
  fingerprint: string | null;
  previousFingerprint: string | null;
}

async function withStore<Result>(store: VersionStore, work: () => Promise<Result>): Promise<Result> {
  await store.open();
  try {
    return await work();
  } finally {
    store.close();
  }
}

async function resumed(
  target: DeployTarget,
  store: VersionStore,
  means: Means,
  world: DeploymentWorld,
): Promise<Activation | null> {
  const activation = await new TargetDeployment(target, store, means, world).resume();
  if (activation === null) return null;
  const { context } = world;
  const subject = target.domain;
  if (activation.ok) {
    const message = `A deployment of ${subject} that was cut short has been finished.`;
    context.finding({ level: 'info', code: 'certificates.deploy', subject, message });
  } else {
    const message = `A deployment of ${subject} that was cut short has been undone: ${activation.problem}. ${activation.back}`;
    context.finding({ level: 'info', code: 'certificates.deploy', subject, message });
  }
  return activation;
}

async function install(
  target: DeployTarget,
  store: VersionStore,
  means: Means,
  world: DeploymentWorld,
  known: Known,
  pair: Pair,
): Promise<Deployment> {
  const { context } = world;
  const { domain } = target;
  const finished = (await resumed(target, store, means, world))?.ok === true;
  const deployment = new TargetDeployment(target, store, means, world);
  const wanted = deployment.wanted(pair);
  const until = day(pair.notAfter);
  if (await deployment.isInstalled(wanted)) {
    const { problem, reloaded } = await deployment.serve(pair.fingerprint);
    if (problem !== null) {
      const message = `The certificate of ${domain} (until ${until}) is in place, but it is not served: ${problem}; look at the service.`;
      return tell(known, 'failed', context, message, 'differs');
    }
    const done = finished || reloaded;
    const served = target.endpoint === undefined ? 'not_checked' : 'verified';
    context.print(`The certificate of ${domain} (until ${until}) ${done ? 'is in place' : 'was in place'}.`);
    return { ...known, action: done ? 'deployed' : 'unchanged', served };
  }
  const activation = await deployment.install(wanted);
  if (!activation.ok) {
    const message = `The certificate of ${domain} (until ${until}) was taken back: ${activation.problem}. ${activation.back}`;
    return tell(known, 'rolled_back', context, message);
  }
  if (activation.served === 'not_checked') {
    const message = `The certificate of ${domain} (until ${until}) is in place, but nobody looked whether it is served; name the endpoint of its target in certificates.deploy.`;
    context.finding({ level: 'warning', code: 'certificates.deploy', subject: domain, message });
  } else {
    const message = `The certificate of ${domain} (until ${until}) is in place, and ${target.endpoint ?? ''} serves it.`;
    context.finding({ level: 'ok', code: 'certificates.deploy', subject: domain, message });
  }
  return { ...known, action: 'deployed', served: activation.served };
}

async function planned(
  target: DeployTarget,
  store: VersionStore,
  means: Means,
  world: DeploymentWorld,
  known: Known,
  pair: Pair,
): Promise<Deployment> {
  const { context } = world;
  const deployment = new TargetDeployment(target, store, means, world);
  const what = `The certificate of ${target.domain} (until ${day(pair.notAfter)})`;
  if (await deployment.isInstalled(deployment.wanted(pair))) {
    context.print(`${what} is in place.`);
    return { ...known, action: 'unchanged', served: 'not_checked' };
  }
  printPlan(what, target, means, store, context);
  return { ...known, action: 'planned', served: 'not_checked' };
}

function printPlan(
  what: string,
  { endpoint, served_within: within }: DeployTarget,
  { validate, reload }: Means,
  { paths }: VersionStore,
  context: Pick<ProcedureContext, 'print'>,
): void {
  context.print(`${what} would be installed as ${paths.join(', ')}.`);
  context.print(validate === null ? 'No program would validate it.' : `It would be validated by ${validate.shown}.`);
  context.print(
    reload === null ? 'No service would be reloaded.' : `The service would be reloaded by ${reload.shown}.`,
  );
  context.print(
    endpoint === undefined
      ? 'Nobody would look whether it is served, since the target names no endpoint.'
      : `It would be looked for at ${endpoint} for ${within / 1000} s at most.`,
  );
}

function tell(
  known: Known,
  action: 'refused' | 'failed' | 'rolled_back',
  context: ProcedureContext,
  message: string,
  served: Deployment['served'] = 'not_checked',
): Deployment {
  context.finding({ level: 'critical', code: 'certificates.deploy', subject: known.domain, message });
  return { ...known, action, served };
}
