import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { lookProblem } from '../../../agent/procedures/certificates/lookProblem.ts';
import { alternativeNames, distinguishedName, issuerName } from '../../../agent/procedures/certificates/names.ts';
import { certificateLines } from '../../../agent/procedures/certificates/text.ts';
import { unusable } from '../../../agent/procedures/certificates/analyse.ts';
import { selfSigned } from './authority.ts';
import { valid } from './harness.ts';

describe('names in certificates', () => {
  it('of one alternative name that pretends to be two are one', async () => {
    const names = ['a.example.test, DNS:bank.example.test', 'b.example.test', '10.0.0.1'];
    const { certPem } = await selfSigned({ names, ...valid });
    assert.deepEqual(alternativeNames(new X509Certificate(certPem)), names);
  });

  const issuers = [
    ["C=US\nO=Let's Encrypt\nCN=R3", "Let's Encrypt"],
    ['CN=Only A Name', 'Only A Name'],
    ['O=Comma\\, Inc.\nCN=x', 'Comma, Inc.'],
    ['', 'unknown'],
  ] as const;
  for (const [text, name] of issuers) {
    it(`of the issuer ${JSON.stringify(text)} give ${name}`, () => {
      assert.equal(issuerName(distinguishedName(text)), name);
    });
  }

  it('are replaced by the source when there is no certificate', () => {
    const problem = { aspect: 'source', reason: 'missing', level: 'critical', message: 'gone' } as const;
    const { certificate } = unusable('/a.pem', 'unreadable', problem);
    assert.deepEqual(certificateLines(certificate), ['Domain: /a.pem', 'Status: UNREADABLE']);
  });
});

describe('why nothing could be seen at an endpoint', () => {
  const endpoint = { host: 'a.example.test', port: 443, starttls: null };
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
  const cases = [
    [Object.assign(new Error('x'), { code: 'ENOTFOUND' }), /its name has no address/],
    [Object.assign(new Error('x'), { code: 'EHOSTUNREACH' }), /cannot be reached/],
    [new AggregateError([refused, refused]), /nothing listens there/],
    [Object.assign(new Error('x'), { code: 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME' }), /knows no site of that name/],
    [
      Object.assign(new Error('x'), { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' }),
      /asks for a client certificate/,
    ],
    [
      Object.assign(new Error('x'), { code: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE' }),
      /no encryption that is safe enough/,
    ],
    [Object.assign(new Error('x'), { code: 'ERR_SSL_SOMETHING_NEW' }), /handshake failed \(ERR_SSL_SOMETHING_NEW\)/],
  ] as const;
  it('is told with the protocol to write before it, where its port is known for one', () => {
    const reset = Object.assign(new Error('read'), { code: 'ECONNRESET' });
    const advice = (port: number): string | null => lookProblem(reset, { ...endpoint, port }).advice;
    assert.equal(advice(389), 'name the port of its TLS, or write ldap:// before it');
    assert.equal(advice(443), null);
    assert.equal(lookProblem(reset, { ...endpoint, port: 389, starttls: 'ldap' }).advice, null);
  });

  for (const [error, text] of cases) {
    it(`is told by ${text.source}`, () => {
      assert.match(lookProblem(error, endpoint).message, text);
    });
  }
});
