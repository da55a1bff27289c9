/** Slows down addresses that send wrong tokens; others are not touched. */

export interface LoginThrottleOptions {
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

interface Failures {
  count: number;
  blockedUntil: number;
  forgetAt: number;
}

/** Wrong tokens that cost nothing: a mistyped setting is tried a few times. */
const free = 5;
const firstBlockMs = 1000;
const longestBlockMs = 60_000;
const forgetMs = 15 * 60_000;
/** Addresses remembered; beyond it the one that failed longest ago goes. */
const maxAddresses = 10_000;

export class LoginThrottle {
  readonly #now: () => number;
  /** In order of their last failure. */
  readonly #failures = new Map<string, Failures>();

  constructor(options: LoginThrottleOptions) {
    this.#now = options.now;
  }

  /** Milliseconds for which this address must wait, 0 when it may try. */
  waitOf(address: string): number {
    const failures = this.#failures.get(networkOf(address));
    if (failures === undefined) return 0;
    return Math.max(0, failures.blockedUntil - this.#now());
  }

  /** Counts a wrong token; true when the address has to wait from now on. */
  failed(address: string): boolean {
    const now = this.#now();
    const network = networkOf(address);
    const known = this.#failures.get(network);
    const count = known !== undefined && known.forgetAt > now ? known.count + 1 : 1;
    const block = count <= free ? 0 : Math.min(longestBlockMs, firstBlockMs * 2 ** Math.min(count - free - 1, 16));
    this.#failures.delete(network);
    this.#failures.set(network, { count, blockedUntil: now + block, forgetAt: now + forgetMs });
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= maxAddresses) break;
      this.#failures.delete(oldest);
    }
    return block > 0;
  }

  succeeded(address: string): void {
    this.#failures.delete(networkOf(address));
  }
}

/** One attacker holds a whole IPv6 /64 (RFC 6177), so it counts as one address. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':');
    while (groups.length + rest.length < 8) groups.push('0');
    groups.push(...rest);
  }
  return groups.slice(0, 4).join(':');
}
