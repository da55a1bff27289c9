/**
 * The work of `renew-certificate`. Outcome: `changed` when a certificate was renewed or deployed, `unchanged` when nothing was due,
 * `failed` when a renewal, a hook or a deployment failed. Whether a certificate was renewed is told by the certificate itself.
 */
import * as z from 'zod';
import { outcomeOf, type ProcedureContext } from '../define.ts';
import { renewedDomains } from './care.ts';
import { createDeployer } from './deployer.ts';
import { type Deployment, deployment, isFailure } from './deployment.ts';
import { sameDomain } from './pair.ts';
import { remembering } from '../remembering.ts';
import { holderOf } from './holder.ts';
import { createRenewer, renewal, type Renewal } from './renewal.ts';
import type { RenewCertificateOptions } from './renewCertificate.ts';

export const part = z.object({
  renewals: z.array(renewal),
  /** Only with --deploy. */
  deployments: z.array(deployment),
});

export async function run({ domain, force, deploy }: RenewCertificateOptions, given: ProcedureContext) {
  const { context, findings } = remembering(given);
  const { certificates } = context.config;
  const domains = domain === undefined ? await renewedDomains(certificates) : [await holderOf(domain, context)];
  if (domains.length === 0) {
    const message =
      'There is no certificate to renew; name its domain with --domain, or list it in certificates.renew of maintenance.yaml.';
    context.finding({ level: 'critical', code: 'certificates.renewal', subject: 'certificates', message });
    return { outcome: 'failed' as const, part: { renewals: [], deployments: [] } };
  }
  const renewer = await createRenewer(context, force);
  const deployer = deploy ? await createDeployer(context) : null;
  const renewals: Renewal[] = [];
  const deployments: Deployment[] = [];
  for (const [index, each] of domains.entries()) {
    context.progress({ done: index, total: domains.length, unit: 'certificates', message: each });
    const renewed = await renewer.renew(each);
    renewals.push(renewed);
    if (deployer === null || renewed.action === 'failed') continue;
    for (const target of certificates.deploy.filter((one) => sameDomain(one.domain, each))) {
      deployments.push(await (renewed.action === 'planned' ? deployer.plan(target) : deployer.deploy(target)));
    }
  }
  const failed = renewals.some((one) => one.action === 'failed' || one.problem !== null) || deployments.some(isFailure);
  const changed =
    renewals.some(({ action }) => action === 'renewed') || deployments.some(({ action }) => action === 'deployed');
  return {
    outcome: failed ? ('failed' as const) : outcomeOf(findings, changed ? 'changed' : 'unchanged'),
    part: { renewals, deployments },
  };
}
