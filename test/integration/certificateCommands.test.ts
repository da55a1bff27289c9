import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { part as backupPart } from '../../agent/procedures/certificates/backupCertificatesWork.ts';
import { part as deployPart } from '../../agent/procedures/certificates/deployCertificateWork.ts';
import { part as renewPart } from '../../agent/procedures/certificates/renewCertificateWork.ts';
import { part as restorePart } from '../../agent/procedures/certificates/restoreCertificatesWork.ts';
import { finding, instant } from '../../agent/protocol/nouns.ts';
import { outlineOf } from '../procedures/certificates/backups.ts';
import { daysLeft, impatience, RenewWorld } from '../procedures/certificates/renewHarness.ts';
import { AgentWorld } from './agentProcess.ts';

const domain = 'www.example.test';

/** What every command prints with --json (DESIGN.md §9), and nothing beside it. */
const common = {
  outcome: z.enum(['changed', 'unchanged', 'warning', 'failed']),
  startedAt: instant,
  endedAt: instant,
  findings: z.array(finding),
};
const documents = {
  'renew-certificate': z.strictObject({ procedure: z.literal('renew-certificate'), ...common, ...renewPart.shape }),
  'deploy-certificate': z.strictObject({ procedure: z.literal('deploy-certificate'), ...common, ...deployPart.shape }),
  'backup-certificates': z.strictObject({
    procedure: z.literal('backup-certificates'),
    ...common,
    ...backupPart.shape,
  }),
  'restore-certificates': z.strictObject({
    procedure: z.literal('restore-certificates'),
    ...common,
    ...restorePart.shape,
  }),
};
type Name = keyof typeof documents;
/** Of a run that was refused for a mistake in its settings: it has no part of its own. */
const refusal = z.strictObject({ procedure: z.string(), ...common });

describe('the commands of certificates', function () {
  this.timeout(60_000);
  let certificates: RenewWorld;
  let agent: AgentWorld;
  let settings: Record<string, unknown>;
  let backups: string;

  before(async () => {
    certificates = await RenewWorld.create();
    agent = new AgentWorld();
    backups = join(agent.folder, 'backups');
    const backup = { paths: [certificates.acme.config], destination: backups };
    settings = certificates.settings({ deploy: [certificates.target(domain)], backup });
    configure();
  });
  after(async () => {
    await certificates.dispose();
    await agent.dispose();
  });

  function configure(further: Record<string, unknown> = {}): void {
    agent.write(JSON.stringify({ maintenance: { certificates: { ...settings, ...further } } }));
  }

  /** What it prints for people goes to stderr then. */
  async function run<Command extends Name>(name: Command, ...args: readonly string[]) {
    const ended = await agent.command([name, '--json', '--config', agent.config, ...args], impatience);
    const document = documents[name].parse(JSON.parse(ended.stdout)) as z.infer<(typeof documents)[Command]>;
    return { ...ended, document };
  }

  /** All that a command could change, in one word: certbot's folder, that of nginx, and the archives. */
  async function everything(): Promise<string> {
    mkdirSync(backups, { recursive: true, mode: 0o700 });
    const { acme, deploying } = certificates;
    const lines = await Promise.all(
      [acme.config, join(deploying.nginx.folder, 'tls'), backups].map((each) => outlineOf(each)),
    );
    return createHash('sha256').update(JSON.stringify(lines)).digest('hex');
  }

  async function changesNothing(name: Name, ...args: readonly string[]): Promise<string> {
    const before = await everything();
    const { code, document, stderr } = await run(name, '--dry-run', ...args);
    assert.deepEqual([code, document.outcome, await everything()], [0, 'unchanged', before], stderr);
    return stderr;
  }

  it('renew what is missing or due and bring it to what is served, after a plan on request', async () => {
    const plan = await changesNothing('renew-certificate', '--deploy');
    assert.match(
      plan,
      /would be renewed \(there is no sound certificate\) by certbot certonly .*\nThe new certificate .*/,
    );
    const first = await run('renew-certificate', '--deploy');
    assert.deepEqual([first.code, first.document.outcome], [0, 'changed'], first.stderr);
    const { renewals, deployments } = first.document;
    assert.deepEqual([renewals[0]?.action, deployments[0]?.served], ['renewed', 'verified']);
    assert.equal(await certificates.deploying.nginx.served(domain), renewals[0]?.after?.fingerprint);
    const again = await run('renew-certificate', '--deploy', '--domain', domain);
    assert.deepEqual([again.code, again.document.renewals[0]?.action], [0, 'not_due']);
  });

  it('exit with 1 when a hook fails, with 2 for wrong use, and with 3 for warnings where that is asked for', async () => {
    const hook = agent.script('hook', 'echo broken pipe dreams >&2; exit 4');
    configure({ deploy_hook: hook });
    const failed = await run('renew-certificate', '--force');
    assert.deepEqual([failed.code, failed.document.outcome], [1, 'failed']);
    assert.match(failed.document.findings[0]?.message ?? '', /but its hook failed: .*ended with 4: broken pipe dreams/);
    const target = { ...certificates.target(domain), endpoint: undefined };
    configure({ deploy: [target] });
    const args = ['--json', '--config', agent.config];
    const unseen = await agent.command(['deploy-certificate', '--strict', ...args]);
    assert.deepEqual(
      [unseen.code, documents['deploy-certificate'].parse(JSON.parse(unseen.stdout)).outcome],
      [3, 'warning'],
    );
    for (const wrong of [
      ['renew-certificate', '--domain', 'a;b'],
      ['deploy-certificate', '--domain', '../a'],
      ['backup-certificates', '--date', 'yesterday'],
      ['restore-certificates', '--date', '../../etc'],
      ['restore-certificates', '--no-such-option'],
    ]) {
      const { code, stdout } = await agent.command([...wrong, ...args]);
      assert.deepEqual([code, stdout], [2, ''], wrong.join(' '));
    }
    configure();
  });

  it('deploy what is there, after a plan on request, and go back where the service refuses it', async () => {
    const before = await certificates.deploying.nginx.served(domain);
    await certificates.renew({ domain, force: true });
    const plan = await changesNothing('deploy-certificate', '--domain', domain);
    assert.match(
      plan,
      /would be installed as .*site\.pem, .*site\.key\.\nIt would be validated by .*\nThe service would be reloaded by/,
    );
    configure({
      deploy: [certificates.target(domain, { validate: [agent.script('no', 'echo I will not >&2; exit 1')] })],
    });
    const refused = await run('deploy-certificate');
    assert.deepEqual([refused.code, refused.document.deployments[0]?.action], [1, 'rolled_back']);
    assert.match(
      refused.document.findings[0]?.message ?? '',
      /I will not\. The pair before is in place and served again/,
    );
    assert.equal(await certificates.deploying.nginx.served(domain), before);
    configure();
    const deployed = await run('deploy-certificate');
    assert.deepEqual([deployed.code, deployed.document.deployments[0]?.served], [0, 'verified'], deployed.stderr);
  });

  it('back up and restore the folder of certbot, so that it renews from there again', async () => {
    assert.match(await changesNothing('backup-certificates'), /would write an archive of .*config/);
    const made = await run('backup-certificates', '--date', '20240115');
    assert.deepEqual([made.code, made.document.outcome, made.document.encrypted], [0, 'changed', false], made.stderr);
    const good = await outlineOf(certificates.acme.config);
    rmSync(join(certificates.acme.config, 'archive'), { recursive: true });
    writeFileSync(join(certificates.acme.config, 'renewal', `${domain}.conf`), 'rubbish');
    const plan = await changesNothing('restore-certificates', '--date', '20240115');
    assert.match(plan, /added: .*archive\/www\.example\.test\/privkey1\.pem[^]*changed: .*\.conf/);
    const restored = await run('restore-certificates', '--date', '20240115');
    assert.deepEqual([restored.code, await outlineOf(certificates.acme.config)], [0, good], restored.stderr);
    const renewed = await certificates.renew({ domain }, {}, daysLeft(20));
    assert.equal(renewed.outcome, 'changed', JSON.stringify(renewed.findings));
    const none = await run('restore-certificates', '--date', '20240116');
    assert.equal(none.code, 1);
    assert.match(none.document.findings[0]?.message ?? '', /no backup of 20240116 .*there are: 20240115/);
  });

  it('take a passphrase from the environment, and show it nowhere', async () => {
    configure({
      backup: { paths: [certificates.acme.config], destination: backups, encrypt: { passphrase: '${PHRASE}' } },
    });
    const args = ['--json', '--config', agent.config];
    const secret = 'correct horse battery staple';
    const { code, stdout, stderr } = await agent.command(['backup-certificates', ...args], { PHRASE: secret });
    const { archive } = documents['backup-certificates'].parse(JSON.parse(stdout));
    assert.deepEqual([code, `${stdout}${stderr}`.includes(secret)], [0, false]);
    assert.equal(readFileSync(archive ?? '').includes('privkey'), false);
    const without = await agent.command(['restore-certificates', '--archive', archive ?? '', ...args]);
    assert.equal(without.code, 1);
    configure();
  });

  it('do nothing by a default where the configuration has a mistake', async () => {
    mkdirSync(backups, { recursive: true, mode: 0o700 });
    const before = await everything();
    const { deploy: [target] = [] } = settings as { deploy?: Record<string, unknown>[] };
    for (const [name, mistake, place] of [
      [
        'backup-certificates',
        { backup: { ...(settings['backup'] as object), encrypt: { passphrase: '${UNSET}' } } },
        'backup',
      ],
      ['backup-certificates', { backup: { ...(settings['backup'] as object), encypt: {} } }, 'backup.encypt'],
      ['restore-certificates', { backup: { paths: 'a' } }, 'backup'],
      ['deploy-certificate', { deploy: [target, { ...target, validte: ['true'] }] }, 'deploy[1].validte'],
      ['renew-certificate', { certbot: { server: 'http://no.tls' } }, 'certbot'],
    ] as const) {
      configure(mistake);
      const args = ['--json', '--config', agent.config, ...(name === 'renew-certificate' ? ['--force'] : [])];
      const { code, stdout } = await agent.command([name, ...args], impatience);
      const document = refusal.parse(JSON.parse(stdout));
      assert.deepEqual([code, document.outcome], [1, 'failed'], name);
      assert.equal(
        document.findings[0]?.message,
        `There is a mistake in certificates.${place} of maintenance.yaml, and so nothing was done; upkeep config check says what it is.`,
      );
    }
    assert.equal(await everything(), before);
    configure({ deploy: [target, { ...target, domain: 'a b' }] });
    const { code, document } = await run('deploy-certificate');
    assert.deepEqual([code, document.outcome, document.deployments[0]?.domain], [1, 'failed', domain]);
    assert.match(document.findings[0]?.message ?? '', /mistake in certificates\.deploy\[1\] .* it was left out/);
    configure();
  });

  it('say in one sentence what stands in the way', async () => {
    chmodSync(backups, 0o777);
    const open = await run('backup-certificates');
    chmodSync(backups, 0o700);
    assert.deepEqual([open.code, open.document.findings.length], [1, 1]);
    configure({ deploy: [] });
    const none = await run('deploy-certificate');
    assert.deepEqual([none.code, none.document.findings.length], [1, 1]);
    configure();
  });
});
