/** certbot, the ACME server and nginx: renewals as they happen on a host. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcedureContext } from '../../../agent/procedures/define.ts';
import type { Deployment } from '../../../agent/procedures/certificates/deployment.ts';
import type { Renewal } from '../../../agent/procedures/certificates/renewal.ts';
import { renewCertificate } from '../../../agent/procedures/certificates/renewCertificate.ts';
import { part } from '../../../agent/procedures/certificates/renewCertificateWork.ts';
import { type Acme, startAcme } from './acme.ts';
import { DeployWorld } from './deployHarness.ts';
import { day, type Outcome, perform } from './harness.ts';

export interface Renewed extends Outcome {
  readonly renewals: readonly Renewal[];
  readonly deployments: readonly Deployment[];
}

/** Environment in which certbot sleeps less. */
export const impatience = { PYTHONPATH: join(import.meta.dirname, 'impatient'), PYTHONDONTWRITEBYTECODE: '1' };

/** Lifetime of what is issued. */
const days = 90;

export class RenewWorld {
  readonly deploying: DeployWorld;
  readonly acme: Acme;
  readonly memory: string;

  private constructor(deploying: DeployWorld, acme: Acme) {
    this.deploying = deploying;
    this.acme = acme;
    this.memory = deploying.path('memory');
    mkdirSync(this.memory, { mode: 0o700 });
  }

  static async create(): Promise<RenewWorld> {
    const deploying = await DeployWorld.create();
    try {
      return new RenewWorld(deploying, await startAcme(deploying.nginx.httpPort, days));
    } catch (error) {
      await deploying.dispose();
      throw error;
    }
  }

  live(domain: string, name = 'fullchain.pem'): string {
    return join(this.acme.config, 'live', domain, name);
  }

  settings(further: Record<string, unknown> = {}): Record<string, unknown> {
    const { certbot, root } = this.acme;
    const { webroot } = this.deploying.nginx;
    return { ca: root, certbot: { ...certbot, authenticator: 'webroot', webroot }, ...further };
  }

  /** A target of certificates.deploy that nginx serves. */
  target(domain: string, further: Record<string, unknown> = {}): Record<string, unknown> {
    const { cert, key, endpoint, validate, reload } = this.deploying.nginx;
    return { domain, to: { cert, key }, validate, reload, endpoint, ...further };
  }

  async renew(
    options: Record<string, unknown>,
    settings: Record<string, unknown> = {},
    context: Partial<ProcedureContext> = {},
  ): Promise<Renewed> {
    const world = {
      env: { PATH: process.env['PATH'], ...impatience },
      memoryDirectory: this.memory,
      now: () => new Date(),
      ...context,
    };
    const { part: given, ...rest } = await perform(renewCertificate, options, this.settings(settings), world);
    return { ...rest, ...part.parse(given) };
  }

  async dispose(): Promise<void> {
    await this.acme.stop();
    await this.deploying.dispose();
  }
}

/** When so many of the 90 days are left. */
export function daysLeft(left: number): { readonly now: () => Date } {
  return { now: () => new Date(Date.now() + (days - left) * day) };
}
