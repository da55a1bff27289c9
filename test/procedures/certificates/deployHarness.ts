/** nginx with a pair, and newer pairs for deploy-certificate to put in its place. */
import { X509Certificate } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { deployCertificate } from '../../../agent/procedures/certificates/deployCertificate.ts';
import type { Deployment } from '../../../agent/procedures/certificates/deployment.ts';
import { part } from '../../../agent/procedures/certificates/deployCertificateWork.ts';
import type { ProcedureContext } from '../../../agent/procedures/define.ts';
import { type Authority, createAuthority, issue, type Issued } from './authority.ts';
import { type Outcome, perform, valid } from './harness.ts';
import { belongTogether, type Nginx, startNginx } from './nginx.ts';

export const domain = 'www.example.test';

export interface Deployed extends Outcome {
  readonly deployments: readonly Deployment[];
}

export class DeployWorld {
  readonly nginx: Nginx;
  readonly folder: string;
  readonly root: Authority;
  readonly intermediate: Authority;
  /** What nginx serves at first. */
  readonly first: Issued;
  readonly source: { readonly cert: string; readonly key: string };

  private constructor(nginx: Nginx, root: Authority, intermediate: Authority, first: Issued) {
    this.nginx = nginx;
    this.root = root;
    this.intermediate = intermediate;
    this.first = first;
    this.folder = mkdtempSync(join(tmpdir(), 'upkeep-deploy-'));
    this.source = { cert: this.path('fullchain.pem'), key: this.path('privkey.pem') };
    writeFileSync(this.path('root'), root.certPem);
  }

  static async create(): Promise<DeployWorld> {
    const root = await createAuthority({ name: 'Test Root' });
    const intermediate = await createAuthority({ name: 'Test Intermediate', issuer: root });
    const first = await issue(intermediate, { names: [domain], ...valid });
    return new DeployWorld(await startNginx(first), root, intermediate, first);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** A new certificate, as a renewal leaves it; its fingerprint. */
  async renew(names: readonly string[] = [domain]): Promise<string> {
    return this.put(await issue(this.intermediate, { names, ...valid }));
  }

  /** A pair of ours in place, in the source and served: that of the test before, or a new one. Its fingerprint. */
  async ready(): Promise<string> {
    const installed = this.installed();
    const source = existsSync(this.source.cert) ? fingerprintOf(readFileSync(this.source.cert, 'utf8')) : null;
    if (source === installed && (await this.deploy()).outcome === 'unchanged') return installed;
    const next = await this.renew();
    const { outcome, findings } = await this.deploy();
    if (outcome !== 'changed') throw new Error(JSON.stringify(findings));
    return next;
  }

  put(issued: Pick<Issued, 'chainPem' | 'keyPem'>): string {
    writeFileSync(this.source.cert, issued.chainPem);
    writeFileSync(this.source.key, issued.keyPem, { mode: 0o600 });
    return fingerprintOf(issued.chainPem);
  }

  /** A program of the test's own. */
  script(name: string, text: string, mode = 0o755): string {
    writeFileSync(this.path(name), `#!/bin/sh\n${text}\n`, { mode });
    return this.path(name);
  }

  settings(target: Record<string, unknown> = {}): Record<string, unknown> {
    const { cert, key, endpoint, validate, reload } = this.nginx;
    return {
      ca: this.path('root'),
      deploy: [
        { domain, ...this.source, to: { cert, key }, validate, reload, endpoint, served_within: '10s', ...target },
      ],
    };
  }

  async deploy(
    target: Record<string, unknown> = {},
    options: Record<string, unknown> = {},
    context: Partial<ProcedureContext> = {},
  ): Promise<Deployed> {
    const env = { PATH: process.env['PATH'] };
    const { part: given, ...rest } = await perform(deployCertificate, options, this.settings(target), {
      env,
      ...context,
    });
    return { ...rest, deployments: part.parse(given).deployments };
  }

  /** The pair as it lies there: its fingerprint, once it is certain that it belongs together. */
  installed(): string {
    const { cert, key } = this.nginx;
    if (!belongTogether(cert, key)) throw new Error('certificate and key do not belong together');
    return fingerprintOf(readFileSync(cert, 'utf8'));
  }

  served(): Promise<string | null> {
    return this.nginx.served(domain);
  }

  /** Everything below the folder of the pair, links as such. */
  tree(): string[] {
    const top = dirname(this.nginx.cert);
    return readdirSync(top, { recursive: true, encoding: 'utf8' })
      .map((name) =>
        lstatSync(join(top, name)).isSymbolicLink() ? `${name} -> ${readlinkSync(join(top, name))}` : name,
      )
      .sort();
  }

  async dispose(): Promise<void> {
    await this.nginx.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function fingerprintOf(pem: string): string {
  return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
}
