/** What people are told of a rule that a chain breaks. */
import type { Problem } from './analyse.ts';
import { allowance, type BrokenRule } from './pathRules.ts';
import { nameWithin, type About } from './problems.ts';

/** DESIGN.md §9 has one word for a chain that nobody trusts; `fault` tells why. */
export function ruleProblem(about: About, rule: BrokenRule): Problem {
  return {
    aspect: 'chain',
    reason: 'chain_incomplete',
    fault: rule.fault,
    level: 'critical',
    message: rule.certificate === about.leaf ? ofLeaf(about, rule) : ofAuthority(about, rule),
  };
}

function ofLeaf(about: About, { certificate, fault, detail }: BrokenRule): string {
  const which = nameWithin(about, certificate);
  if (fault === 'critical_extension') return unknownExtension(which, detail);
  const limit = fault === 'purpose' ? `for ${detail} alone (extended key usage)` : `for ${detail} (key usage)`;
  return `${which} is ${limit} and so not for a server; have one issued for serverAuth.`;
}

function ofAuthority(about: About, { certificate, fault, detail }: BrokenRule): string {
  const who = nameWithin(about, certificate);
  const otherwise = `so clients refuse the certificate of ${about.domain}`;
  switch (fault) {
    case 'not_an_authority':
      return `${who} is not that of an authority (basic constraints), ${otherwise}; have it issued by an authority.`;
    case 'key_usage':
      return `${who} may not sign certificates (key usage), ${otherwise}; have it issued by an authority that may.`;
    case 'path_length':
      return `${who} allows ${detail === '0' ? 'no' : `at most ${detail}`} further authorities below it and there are more (path length), ${otherwise}; have it issued by an authority further up.`;
    case 'name_constraints':
      return `${who} may not certify ${detail}${allowance(certificate)} (name constraints), ${otherwise}; have it issued by an authority that may.`;
    case 'purpose':
      return `${who} may certify for ${detail} alone (extended key usage), ${otherwise}; have it issued by an authority for servers.`;
    case 'critical_extension':
      return unknownExtension(who, detail);
  }
}

function unknownExtension(which: string, detail: string): string {
  return `${which} has a critical extension that clients do not know (${detail}) and so refuse; have it issued again without it.`;
}
