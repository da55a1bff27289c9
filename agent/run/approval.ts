/** Approval before a start, by one or two people: pure decisions over the run's own record of it. */
import type { Approval, Role } from '../protocol/nouns.ts';
import type { ErrorName } from '../protocol/errors.ts';
import type { ApprovalRule } from './settings.ts';

/** `now` in milliseconds since the epoch. */
export function newApproval(rule: ApprovalRule, now: number): Approval {
  return {
    required: rule.required,
    roles: [...rule.roles],
    given: [],
    expiresAt: new Date(now + rule.expiresMs).toISOString(),
  };
}

export function isApproved(approval: Approval | null | undefined): boolean {
  return approval === null || approval === undefined || approval.given.length >= approval.required;
}

export type ApprovalAnswer =
  | { readonly ok: true; readonly approval: Approval }
  | { readonly ok: false; readonly error: Extract<ErrorName, 'conflict' | 'forbidden'>; readonly message: string };

/**
 * One person's yes. Where two are needed, the one who asked for the run is neither of them; the same person counts once.
 * `requester` is the actor of the run.
 */
export function approve(
  approval: Approval,
  requester: string,
  by: { readonly actor: string; readonly role: Role },
  now: number,
): ApprovalAnswer {
  if (!approval.roles.includes(by.role)) {
    const roles = approval.roles.join(' or ');
    return no('forbidden', `This run is approved by the role ${roles}; ${by.actor} is ${by.role}.`);
  }
  if (approval.required > 1 && by.actor === requester) {
    return no('forbidden', `${by.actor} asked for this run, so two other people must approve it.`);
  }
  if (approval.given.some((one) => one.actor === by.actor)) {
    return no('conflict', `${by.actor} has approved this run already: another person must, too.`);
  }
  const given = [...approval.given, { actor: by.actor, at: new Date(now).toISOString() }];
  return { ok: true, approval: { ...approval, given } };
}

/** One sentence for the run while it waits. */
export function approvalText(approval: Approval): string {
  const left = approval.required - approval.given.length;
  const so = approval.given.map(({ actor }) => actor).join(', ');
  const who = approval.roles.join(' or ');
  return `waits for the approval of ${left} ${left === 1 ? 'person' : 'people'} (${who})${so === '' ? '' : `; approved by ${so}`}`;
}

function no(error: 'conflict' | 'forbidden', message: string): ApprovalAnswer {
  return { ok: false, error, message };
}
