import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fingerprintOf } from '../../../agent/procedures/certificates/analyse.ts';
import type { Certificate } from '../../../agent/protocol/nouns.ts';
import { check, Folder } from './harness.ts';
import { type Kind, names, strength, whole } from './kinds.ts';
import { constrained, rules, ways } from './kindsOfChains.ts';
import { formats, keys, places } from './kindsOfFiles.ts';
import { Openssl } from './openssl.ts';

/** What `openssl verify` says where we give a status, a reason or a fault. */
const verdicts: Readonly<Record<string, RegExp>> = {
  ok: /^OK$/,
  expiring: /^OK$/,
  expired: /certificate has expired/,
  not_yet_valid: /certificate is not yet valid/,
  chain_incomplete: /unable to get local issuer certificate/,
  self_signed: /self-signed certificate/,
  host_mismatch: /(hostname|IP address) mismatch/,
  weak_key: /key too weak/,
  weak_signature: /signature digest algorithm too weak/,
  name_constraints: /(permitted|excluded) subtree violation/,
  path_length: /path length constraint exceeded/,
  // It looks no further at what has a key for something else.
  not_an_authority: /invalid CA certificate|unable to get local issuer certificate/,
  key_usage:
    /key usage does not include certificate signing|unsuitable certificate purpose|unable to get local issuer certificate/,
  purpose: /unsuitable certificate purpose/,
  critical_extension: /unhandled critical extension/,
};

function expectedVerdict({ status, reasons = [], faults = [] }: Kind): RegExp {
  return (
    verdicts[status === 'bad' ? (faults[0] ?? reasons[0] ?? '') : status] ?? assert.fail(`no verdict for ${status}`)
  );
}

describe('check-certificates, kinds of certificates made by openssl', () => {
  const folder = new Folder();
  let openssl: Openssl;

  before(async () => {
    await folder.create();
    openssl = new Openssl(folder.path());
  });
  after(() => folder.remove());

  async function judged({ make, status, reasons = [], faults, key, message, host, password, trusted }: Kind) {
    const path = make(openssl);
    const roots = (trusted ?? ['root', 'rsa-root']).map((name) => openssl.read(`${name}.crt`));
    const options = {
      path: [path],
      ca: openssl.write('authorities.txt', roots.join('')),
      ...(host === undefined ? {} : { host }),
    };
    const settings = password === undefined ? {} : { password };
    // openssl dates some of them by its own clock, which is a little later than the tests' own.
    const soon = new Date(Date.now() + 60_000);
    const { certificates, findings, outcome } = await check(options, settings, undefined, soon);
    const [found, ...more] = certificates;
    assert.ok(found !== undefined && more.length === 0);
    assert.deepEqual([found.status, found.reasons, found.chainFaults], [status, reasons, faults]);
    if (key !== undefined) assert.equal(found.key, key);
    if (message !== undefined) assert.match(findings[0]?.message ?? '', message);
    const lost = status === 'unreadable' || status === 'unparsable';
    assert.equal(outcome, lost ? 'failed' : status === 'ok' ? 'unchanged' : 'warning');
    assert.equal(found.source, path);
    return { found, roots };
  }

  /** The leaf of which the record tells, and all that stands in its file, to `openssl verify`. */
  function crossChecked({ host }: Kind, { source, fingerprint }: Certificate, roots: readonly string[]): string {
    const blocks =
      readFileSync(source, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? [];
    const leaf = blocks.find((block) => fingerprintOf(new X509Certificate(block)) === fingerprint);
    return openssl.verdict(leaf ?? assert.fail('the leaf is not in its file'), blocks.join(''), roots, host);
  }

  for (const kinds of [whole, strength, names, constrained, rules, ways]) {
    for (const [title, kind] of Object.entries(kinds)) {
      it(`${title}: ${[kind.status, ...(kind.faults ?? kind.reasons ?? [])].join(', ')}, as openssl verify has it`, async () => {
        const { found, roots } = await judged(kind);
        assert.match(crossChecked(kind, found, roots), kind.openssl ?? expectedVerdict(kind));
      });
    }
  }

  for (const kinds of [keys, formats, places]) {
    for (const [title, kind] of Object.entries(kinds)) {
      it(`${title}: ${[kind.status, ...(kind.reasons ?? [])].join(', ')}`, async () => {
        await judged(kind);
      });
    }
  }
});
