import assert from 'node:assert/strict';
import { approvalText, approve, isApproved, newApproval } from '../../agent/run/approval.ts';

const two = newApproval({ required: 2, roles: ['operator', 'admin'], expiresMs: 1000 }, 0);
const alice = { actor: 'alice', role: 'operator' } as const;
const bob = { actor: 'bob', role: 'admin' } as const;
const carol = { actor: 'carol', role: 'operator' } as const;

describe('approval', () => {
  it('is complete with as many people as it needs', () => {
    const first = approve(two, 'alice', bob, 5);
    assert.ok(first.ok);
    assert.equal(isApproved(first.approval), false);
    assert.match(approvalText(first.approval), /1 person \(operator or admin\); approved by bob/);
    const second = approve(first.approval, 'alice', carol, 6);
    assert.ok(second.ok);
    assert.equal(isApproved(second.approval), true);
    assert.deepEqual(
      second.approval.given.map(({ actor }) => actor),
      ['bob', 'carol'],
    );
  });

  it('by two people is not given by the one who asked', () => {
    const answer = approve(two, 'alice', alice, 5);
    assert.deepEqual([answer.ok, !answer.ok && answer.error], [false, 'forbidden']);
  });

  it('counts the same person once', () => {
    const first = approve(two, 'alice', bob, 5);
    assert.ok(first.ok);
    const again = approve(first.approval, 'alice', bob, 6);
    assert.deepEqual([again.ok, !again.ok && again.error], [false, 'conflict']);
  });

  it('by one person may be given by the one who asked', () => {
    const one = newApproval({ required: 1, roles: ['operator'], expiresMs: 1000 }, 0);
    assert.equal(approve(one, 'alice', alice, 5).ok, true);
  });

  it('is given by the roles that may', () => {
    const admins = newApproval({ required: 1, roles: ['admin'], expiresMs: 1000 }, 0);
    const answer = approve(admins, 'alice', carol, 5);
    assert.match(answer.ok ? '' : answer.message, /by the role admin; carol is operator/);
    assert.equal(approve(admins, 'alice', bob, 5).ok, true);
  });
});
