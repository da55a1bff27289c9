/** What certbot says of a failure, in one sentence: its output is made for people who watch it. */
import { plain } from './names.ts';

/** The end of a sentence; null when the output tells of no failure. `lines` as with --debug, where exceptions come with their class. */
export function certbotProblem(lines: readonly string[], exitedWell: boolean): string | null {
  // A deploy hook that fails leaves certbot's exit code at 0.
  const hook = lines.find((line) => /^Hook '.*' reported error code \d+/.test(line));
  if (hook !== undefined) return said(hook);
  return exitedWell ? null : (refusal(lines) ?? unproven(lines) ?? exception(lines));
}

/**
 * What the authority answered (RFC 8555, 6.7). It goes before all others: certbot 2.1 with Python 3.11 fails at showing it
 * (“AttributeError: can't set attribute”), and only the exception that it failed to show tells what happened.
 */
function refusal(lines: readonly string[]): string | null {
  for (const line of lines) {
    const match = /\burn:ietf:params:acme:error:(\w+) :: (.+)$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    const detail = sentence(match[2].split(' :: ').slice(1).join(', ') || match[2]);
    const advice = match[1] === 'rateLimited' ? '; wait as long as it says, since further attempts count as well' : '';
    return `the authority refuses it (${match[1]}): ${detail}${advice}`;
  }
  return null;
}

const mostNames = 3;

/** Names whose challenge failed: `Domain:`, `Type:` and `Detail:` in lines of their own. */
function unproven(lines: readonly string[]): string | null {
  const found: string[] = [];
  let name = '';
  for (const line of lines) {
    const [, key, value = ''] = /^\s*(Domain|Identifier|Detail): +(.*)$/.exec(line) ?? [];
    if (key === 'Detail') found.push(`${name === '' ? '' : `${name}: `}${value}`);
    else if (key !== undefined) name = value;
  }
  if (found.length === 0) return null;
  found.sort();
  const more = found.length > mostNames ? `, and ${found.length - mostNames} more names` : '';
  return said(`a challenge failed: ${found.slice(0, mostNames).map(sentence).join('; ')}${more}`);
}

/** The last exception is the one that ended it. */
function exception(lines: readonly string[]): string | null {
  const failed = lines.find((line) => line.startsWith('Failed to renew certificate '));
  if (failed !== undefined) return said(failed);
  const raised = lines.findLast((line) => /^(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Timeout): \S/.test(line));
  return raised === undefined ? null : said(raised.replace(/^(?:\w+\.)+\w+: /, ''));
}

const mostWords = 500;

function said(words: string): string {
  return `certbot says: ${sentence(words)}`;
}

function sentence(words: string): string {
  return plain(words.trim()).slice(0, mostWords).replace(/\.+$/, '');
}
