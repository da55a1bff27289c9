import assert from 'node:assert/strict';
import {
  existsSync,
  linkSync,
  lstatSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../../../agent/protocol/nouns.ts';
import { untilThere } from '../../run/harness.ts';
import { issue, selfSigned } from './authority.ts';
import { domain, DeployWorld, fingerprintOf } from './deployHarness.ts';
import { daysFromNow, valid } from './harness.ts';

describe('deploy-certificate', () => {
  let world: DeployWorld;
  /** What is in place before each test. */
  let inPlace: string;

  before(async () => {
    world = await DeployWorld.create();
  });
  after(() => world.dispose());
  beforeEach(async () => {
    inPlace = await world.ready();
  });

  it('installs the pair, has nginx take it, and sees that it is served', async () => {
    const next = await world.renew();
    const { outcome, findings, deployments } = await world.deploy();
    assert.equal(outcome, 'changed');
    assert.deepEqual([world.installed(), await world.served()], [next, next]);
    assert.deepEqual(
      findings.map(({ level, code, subject }) => [level, code, subject]),
      [['ok', 'certificates.deploy', domain]],
    );
    const { cert, key, endpoint } = world.nginx;
    assert.deepEqual(deployments, [
      {
        domain,
        to: [cert, key],
        endpoint,
        action: 'deployed',
        fingerprint: next,
        previousFingerprint: inPlace,
        served: 'verified',
      },
    ]);
  });

  it('changes nothing when it is in place and served', async () => {
    const tree = world.tree();
    const { outcome, findings, deployments } = await world.deploy({}, { domain });
    assert.deepEqual(
      [outcome, findings, deployments[0]?.action, deployments[0]?.served],
      ['unchanged', [], 'unchanged', 'verified'],
    );
    assert.deepEqual(world.tree(), tree);
  });

  it('has the service reload when it does not serve what is in place', async () => {
    await world.renew();
    await world.deploy({ reload: undefined, endpoint: undefined });
    assert.notEqual(await world.served(), world.installed());
    const { outcome, deployments } = await world.deploy();
    assert.deepEqual([outcome, deployments[0]?.action, deployments[0]?.served], ['changed', 'deployed', 'verified']);
    assert.equal(await world.served(), world.installed());
  });

  it('prints its plan with --dry-run, and changes nothing', async () => {
    await world.renew();
    const tree = world.tree();
    const { outcome, lines, deployments } = await world.deploy({}, {}, { dryRun: true });
    assert.deepEqual([outcome, deployments[0]?.action], ['unchanged', 'planned']);
    assert.match(
      lines.join('\n'),
      /would be installed as .*site\.pem.*\n.* validated by .*nginx.* -t\.\n.* reloaded by .* -s reload\.\n.* at 127\.0\.0\.1:/,
    );
    const bare = await world.deploy(
      { validate: undefined, reload: undefined, endpoint: undefined },
      {},
      { dryRun: true },
    );
    assert.deepEqual(bare.lines.slice(1), [
      'No program would validate it.',
      'No service would be reloaded.',
      'Nobody would look whether it is served, since the target names no endpoint.',
    ]);
    assert.deepEqual([world.tree(), world.installed(), await world.served()], [tree, inPlace, inPlace]);
  });

  it('is no more than a warning when nobody can look whether it is served', async () => {
    const next = await world.renew();
    const { outcome, deployments, findings } = await world.deploy({ endpoint: undefined });
    assert.deepEqual([outcome, deployments[0]?.served, world.installed()], ['warning', 'not_checked', next]);
    assert.match(findings[0]?.message ?? '', /name the endpoint/);
  });

  it('gives the files their owner and mode, also when only these differ', async () => {
    const { cert, key } = world.nginx;
    const root = process.getuid?.() === 0;
    const { outcome } = await world.deploy({ mode: '0640', ...(root && { owner: 'nobody', group: '12' }) });
    assert.equal(outcome, 'changed');
    const modes = [cert, key].map((path) => statSync(path).mode & 0o7777);
    assert.deepEqual(modes, [0o644, 0o640]);
    if (root) assert.deepEqual([statSync(key).uid > 0, statSync(key).gid], [true, 12]);
    assert.equal((await world.deploy({ mode: '0640' })).outcome, 'unchanged');
  });

  it('writes the chain alone and all in one file where these are wanted', async () => {
    const folder = world.path('other');
    const to = { combined: join(world.folder, 'all.pem'), chain: join(world.folder, 'chain.pem') };
    const { outcome } = await world.deploy({ to, endpoint: undefined, reload: undefined, validate: undefined });
    assert.equal(outcome, 'warning');
    assert.equal(readFileSync(to.chain, 'utf8').trim(), world.intermediate.certPem.trim());
    const all = readFileSync(to.combined, 'utf8');
    assert.deepEqual([all.match(/BEGIN CERTIFICATE/g)?.length, all.match(/PRIVATE KEY-----$/gm)?.length], [2, 2]);
    assert.equal(statSync(to.combined).mode & 0o777, 0o600);
    assert.equal(existsSync(folder), false);
  });

  it('takes plain files that somebody put in the place of its links for what is in force', async () => {
    const { cert, key } = world.nginx;
    for (const [path, text] of [
      [cert, world.first.chainPem],
      [key, world.first.keyPem],
    ] as const) {
      writeFileSync(`${path}.new`, text, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    }
    const [certBefore, keyBefore] = [cert, key].map((path) => statSync(path).ino);
    await world.renew();
    const { deployments } = await world.deploy({ validate: ['false'] });
    assert.deepEqual(
      [deployments[0]?.action, deployments[0]?.previousFingerprint],
      ['rolled_back', fingerprintOf(world.first.chainPem)],
    );
    assert.equal(world.installed(), fingerprintOf(world.first.chainPem));
    assert.equal(lstatSync(cert).isSymbolicLink() && lstatSync(key).isSymbolicLink(), true);
    // Not copies: whoever could read them, by an access control list perhaps, still can.
    assert.deepEqual([statSync(cert).ino, statSync(key).ino], [certBefore, keyBefore]);
  });

  it('copies what may change elsewhere: links, and files with more names', async () => {
    const { cert, key } = world.nginx;
    const elsewhere = world.path('elsewhere.key');
    writeFileSync(`${cert}.new`, world.first.chainPem, { mode: 0o600 });
    linkSync(`${cert}.new`, world.path('elsewhere.pem'));
    writeFileSync(elsewhere, world.first.keyPem, { mode: 0o600 });
    symlinkSync(elsewhere, `${key}.new`);
    for (const path of [cert, key]) renameSync(`${path}.new`, path);
    await world.renew();
    await world.deploy({ validate: ['false'] });
    for (const path of [world.path('elsewhere.pem'), elsewhere]) writeFileSync(path, 'rubbish');
    assert.deepEqual(
      [readFileSync(cert, 'utf8'), readFileSync(key, 'utf8')],
      [world.first.chainPem, world.first.keyPem],
    );
  });

  describe('goes back to the pair before, which is served on,', () => {
    const failures: readonly {
      readonly title: string;
      readonly target: () => Record<string, unknown>;
      readonly says: RegExp;
    }[] = [
      {
        title: 'when nginx -t refuses it',
        target: () => {
          world.nginx.configure('rubbish;');
          return {};
        },
        says: /ended with 1: .*unknown directive.*The pair before is in place and served again/s,
      },
      {
        title: 'when the reload fails',
        target: () => ({ reload: [world.script('broken', 'echo no way >&2; exit 3')] }),
        says: /ended with 3: no way.*in place again, but .*ended with 3/,
      },
      {
        title: 'when the service goes on serving the other one',
        target: () => ({ reload: ['true'], served_within: '300ms' }),
        says: /serves another certificate.*in place and served again/,
      },
      {
        title: 'when nothing answers',
        target: () => ({ endpoint: '127.0.0.1:1', served_within: '200ms' }),
        says: /nothing listens there\. The pair before is in place again, but nothing could be seen/,
      },
    ];
    for (const { title, target, says } of failures) {
      it(`F36: ${title}`, async () => {
        await world.renew();
        const { outcome, deployments, findings } = await world.deploy(target());
        world.nginx.configure('');
        assert.deepEqual([outcome, deployments[0]?.action], ['failed', 'rolled_back']);
        assert.match(findings.at(-1)?.message ?? '', says);
        assert.deepEqual([world.installed(), await world.served()], [inPlace, inPlace]);
        assert.ok(!world.tree().some((name) => /journal|undo|\/\.[^/]*$/.test(name)), world.tree().join('\n'));
        assert.equal((await world.deploy()).outcome, 'changed');
      });
    }

    it('F36: or to none, when there was none', async () => {
      const to = { cert: world.path('new.pem'), key: world.path('new.key') };
      const { deployments, findings } = await world.deploy({ to, validate: ['false'] });
      assert.equal(deployments[0]?.action, 'rolled_back');
      assert.match(findings.at(-1)?.message ?? '', /There was no pair before, so its files are gone again/);
      assert.deepEqual([existsSync(to.cert), existsSync(to.key)], [false, false]);
      assert.throws(() => lstatSync(to.cert));
    });

    /** Stops a deployment once its reload has made the file `reached`; what it said about it. */
    async function stopped(reload: string, reached: string): Promise<readonly string[]> {
      const abort = new AbortController();
      const said: string[] = [];
      const finding = ({ message }: Finding): void => void said.push(message);
      const run = world.deploy({ reload: [reload] }, {}, { signal: abort.signal, finding });
      await untilThere(reached);
      abort.abort(new Error('stopped by a test'));
      await assert.rejects(run, /stopped by a test/);
      rmSync(reached);
      return said;
    }

    it('when the run is stopped while the service reloads, and says so', async () => {
      await world.renew();
      const again = world.path('again');
      const reload = world.script(
        'slow',
        `${world.nginx.reload.join(' ')}; [ -e ${again} ] || { touch ${again}; sleep 60; }`,
      );
      assert.deepEqual(await stopped(reload, again), [
        'The deployment of www.example.test was stopped on its way. The pair before is in place and served again.',
      ]);
      assert.deepEqual([world.installed(), await world.served()], [inPlace, inPlace]);
    }).timeout(60_000);

    it('when the run is stopped and the way back takes too long: that is said, and the next run sees to it', async () => {
      const next = await world.renew();
      const begun = world.path('begun');
      const [message, ...more] = await stopped(world.script('slower', `touch ${begun}; exec sleep 60`), begun);
      assert.match(
        message ?? '',
        /was stopped on its way\. The pair before is in place again, but within 6 s nobody could see that it is served; run deploy-certificate again/,
      );
      assert.deepEqual([more, world.installed(), await world.served()], [[], inPlace, inPlace]);
      assert.equal((await world.deploy()).outcome, 'changed');
      assert.deepEqual([world.installed(), await world.served()], [next, next]);
    }).timeout(60_000);
  });

  describe('refuses a pair that no service should be started with, and touches nothing:', () => {
    const cases: readonly { readonly title: string; readonly put: () => Promise<unknown>; readonly code: string }[] = [
      {
        title: 'a key of another certificate',
        put: async () => {
          await world.renew();
          const other = await issue(world.intermediate, { names: [domain], ...valid });
          writeFileSync(world.source.key, other.keyPem);
        },
        code: 'certificates.key',
      },
      {
        title: 'an expired one',
        put: async () =>
          world.put(
            await issue(world.intermediate, { names: [domain], notBefore: daysFromNow(-9), notAfter: daysFromNow(-1) }),
          ),
        code: 'certificates.expiry',
      },
      {
        title: 'one that is not yet valid',
        put: async () =>
          world.put(
            await issue(world.intermediate, { names: [domain], notBefore: daysFromNow(1), notAfter: daysFromNow(9) }),
          ),
        code: 'certificates.expiry',
      },
      {
        title: 'one without its chain',
        put: async () => {
          const { certPem, keyPem } = await issue(world.intermediate, { names: [domain], ...valid });
          world.put({ chainPem: certPem, keyPem });
        },
        code: 'certificates.chain',
      },
      { title: 'one for another host', put: () => world.renew(['other.example.test']), code: 'certificates.host' },
      {
        title: 'no file',
        put: () => {
          rmSync(world.source.cert);
          return Promise.resolve();
        },
        code: 'certificates.source',
      },
      {
        title: 'rubbish',
        put: () => {
          writeFileSync(world.source.key, 'rubbish');
          return Promise.resolve();
        },
        code: 'certificates.source',
      },
    ];
    for (const { title, put, code } of cases) {
      it(title, async () => {
        const tree = world.tree();
        await put();
        const { outcome, deployments, findings } = await world.deploy();
        assert.deepEqual([outcome, deployments[0]?.action], ['failed', 'refused']);
        assert.ok(
          findings.some((finding) => finding.code === code),
          JSON.stringify(findings),
        );
        assert.deepEqual([world.tree(), world.installed(), await world.served()], [tree, inPlace, inPlace]);
      });
    }

    it('a self-signed one is the business of whoever configured it', async () => {
      const next = world.put(await selfSigned({ names: [domain], ...valid }));
      assert.equal((await world.deploy()).outcome, 'changed');
      assert.equal(await world.served(), next);
    });
  });

  it('says what is missing before it touches anything', async () => {
    await world.renew();
    const tree = world.tree();
    for (const [target, says] of [
      [{ reload: ['no-such-program-here', 'x'] }, /no-such-program-here is not installed; install its package/],
      [{ validate: [world.path('nowhere')] }, /there is no program .*nowhere/],
      [{ owner: 'nobody-of-that-name' }, /there is no user nobody-of-that-name/],
      [
        { to: { cert: world.path('no/folder.pem'), key: world.path('no/folder.key') } },
        /there is no folder .*no; create it/,
      ],
      [{ to: { combined: world.path('root/all.pem') } }, /root is no folder; correct certificates\.deploy/],
    ] as const) {
      for (const dryRun of [true, false]) {
        const { outcome, findings } = await world.deploy(target, {}, { dryRun });
        assert.equal(outcome, 'failed');
        assert.match(findings[0]?.message ?? '', says);
      }
    }
    const none = await world.deploy({}, { domain: 'other.example.test' });
    assert.match(none.findings[0]?.message ?? '', /no target for other\.example\.test in certificates\.deploy/);
    assert.deepEqual([world.tree(), await world.served()], [tree, inPlace]);
  });

  it('finds accounts and programs also where PATH leads nowhere', async () => {
    await world.renew();
    const env = { PATH: world.path('nowhere') };
    const { outcome, findings } = await world.deploy({ owner: userInfo().username }, {}, { env });
    assert.equal(outcome, 'changed', JSON.stringify(findings));
    const none = await world.deploy({ owner: 'nobody-of-that-name' }, {}, { env });
    assert.match(none.findings[0]?.message ?? '', /there is no user nobody-of-that-name on this host/);
  });

  it('does not meddle with a deployment that is under way', async () => {
    await world.renew();
    const slow = world.script(
      'slow-check',
      `touch ${world.path('checking')}; while [ ! -e ${world.path('go')} ]; do sleep 0.02; done`,
    );
    const first = world.deploy({ validate: [slow] });
    await untilThere(world.path('checking'));
    const second = await world.deploy();
    writeFileSync(world.path('go'), '');
    assert.equal((await first).outcome, 'changed');
    assert.deepEqual([second.outcome, second.deployments[0]?.action], ['failed', 'failed']);
    assert.match(second.findings[0]?.message ?? '', /another deployment of it is under way/);
  });
});
