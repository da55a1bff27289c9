/**
 * The work of `deploy-certificate`. Outcome: `unchanged` when everything was in place and served; `failed` when a target was refused,
 * went wrong or had to be taken back; `warning` when nobody could look whether the certificate is served.
 */
import * as z from 'zod';
import { outcomeOf, type ProcedureContext } from '../define.ts';
import type { DeployCertificateOptions } from './deployCertificate.ts';
import { createDeployer } from './deployer.ts';
import { deployment, isFailure } from './deployment.ts';
import { remembering } from '../remembering.ts';
import { targetsOf } from './deployImpact.ts';

export const part = z.object({ deployments: z.array(deployment) });

export async function run({ domain }: DeployCertificateOptions, given: ProcedureContext) {
  const { context, findings } = remembering(given);
  const targets = targetsOf(domain, context.config.certificates);
  if (targets.length === 0) {
    const what = domain === undefined ? 'no target' : `no target for ${domain}`;
    const message = `There is ${what} in certificates.deploy of maintenance.yaml; say there which files the service reads.`;
    context.finding({ level: 'critical', code: 'certificates.deploy', subject: domain ?? 'certificates', message });
    return { outcome: 'failed' as const, part: { deployments: [] } };
  }
  const deployer = await createDeployer(context);
  const deployments = [];
  for (const target of targets) deployments.push(await deployer.deploy(target));
  const changed = deployments.some(({ action }) => action === 'deployed');
  const failed = deployments.some(isFailure);
  return {
    outcome: failed ? ('failed' as const) : outcomeOf(findings, changed ? 'changed' : 'unchanged'),
    part: { deployments },
  };
}
