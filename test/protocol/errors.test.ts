import assert from 'node:assert/strict';
import { closeCodes, errorCodes, finalCloseCodes, finalHttpStatuses } from '../../agent/protocol/errors.ts';

describe('codes of the wire', () => {
  it('are each used once', () => {
    for (const table of [errorCodes, closeCodes]) {
      const codes = Object.values(table);
      assert.equal(new Set(codes).size, codes.length);
    }
  });

  it('of errors that are ours are positive, since JSON-RPC 2.0 keeps -32768 to -32000 for itself', () => {
    const reserved = Object.entries(errorCodes).flatMap(([name, code]) => (code < 0 ? [name] : []));
    assert.deepEqual(reserved, ['parseError', 'invalidRequest', 'methodNotFound', 'invalidParams', 'internalError']);
  });

  it('of closes are those that a peer may send (RFC 6455 §7.4: not 1005, 1006, 1015; ours from 4000)', () => {
    for (const [name, code] of Object.entries(closeCodes)) {
      const registered = code >= 1000 && code <= 1011 && ![1004, 1005, 1006].includes(code);
      assert.ok(registered || (code >= 4000 && code <= 4999), name);
    }
  });

  it('let a client dial again after a restart or a lost line, and not after a refusal that a person must heal', () => {
    const { goingAway, internalError, helloTimeout, messageTooBig, tokenRevoked, versionMismatch } = closeCodes;
    const lost = 1006;
    for (const code of [goingAway, internalError, helloTimeout, messageTooBig, lost])
      assert.equal(finalCloseCodes.has(code), false, String(code));
    for (const code of [tokenRevoked, versionMismatch, closeCodes.policyViolation])
      assert.equal(finalCloseCodes.has(code), true, String(code));
    for (const status of [429, 500, 502, 503, 504]) assert.equal(finalHttpStatuses.has(status), false, String(status));
    for (const status of [401, 403]) assert.equal(finalHttpStatuses.has(status), true, String(status));
  });
});
