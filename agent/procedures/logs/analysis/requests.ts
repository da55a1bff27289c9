/** Requests by route: count, errors, bytes, durations; and the slowest ones. */
import { Quantiles } from './quantiles.ts';
import { routeOf } from './route.ts';

const mostRoutes = 1000;

export interface Slow {
  readonly request: string;
  readonly seconds: number;
  readonly at: number;
}

class Route {
  readonly name: string;
  count = 0;
  errors = 0;
  bytes = 0;
  readonly durations = new Quantiles();

  constructor(name: string) {
    this.name = name;
  }
}

export class Requests {
  readonly routes: Route[] = [];
  readonly durations = new Quantiles();
  readonly #numbers = new Map<string, number>();
  readonly #slowest: Slow[] = [];
  readonly #wanted: number;
  #limit = -1;

  constructor(slowest: number) {
    this.#wanted = slowest;
  }

  /** Number of the route of `GET /path`; beyond the room for routes all are one. */
  routeOf(request: string): number {
    const name = routeOf(request);
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const shown = this.routes.length < mostRoutes - 1 ? name : '(other routes)';
    const number = this.#numbers.get(shown) ?? this.routes.length;
    if (number === this.routes.length) this.routes.push(new Route(shown));
    this.#numbers.set(shown, number);
    return number;
  }

  add(number: number, status: number, bytes: number): void {
    const route = this.routes[number];
    if (route === undefined) return;
    route.count += 1;
    route.bytes += bytes;
    if (status >= 500) route.errors += 1;
  }

  took(number: number, seconds: number, at: number, request: () => string): void {
    this.routes[number]?.durations.add(seconds);
    this.durations.add(seconds);
    if (seconds <= this.#limit) return;
    this.#slowest.push({ request: request(), seconds, at });
    if (this.#slowest.length >= this.#wanted * 4) this.#trim();
  }

  slowest(): readonly Slow[] {
    this.#trim();
    return this.#slowest;
  }

  #trim(): void {
    this.#slowest.sort((one, other) => other.seconds - one.seconds);
    this.#slowest.length = Math.min(this.#slowest.length, this.#wanted);
    if (this.#slowest.length === this.#wanted) this.#limit = this.#slowest.at(-1)?.seconds ?? -1;
  }
}
