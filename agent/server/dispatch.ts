/** One request: known method, sufficient role, valid parameters, handler, valid result. */
import { errorCodes } from '../protocol/errors.ts';
import { methods, type MethodName, type MethodParams, type MethodResult } from '../protocol/methods.ts';
import { roles, type Role } from '../protocol/nouns.ts';
import { encodingOf } from './encodedAnswers.ts';
import { RequestError } from './requestError.ts';
import type { Secrets } from '../secrets/secrets.ts';

/** Who asks. */
export interface Caller {
  /** Name of the token, or `unix:<user>`. */
  readonly actor: string;
  readonly role: Role;
  /** Aborted when the peer takes the request back or its connection ends. */
  readonly signal: AbortSignal;
  /** Resolves when there is room for a large answer, which is then to be made at once; rejects at the abort of `signal`. */
  readonly room: () => Promise<void>;
}

/** Reads whose answers can be large: they are made when there is room. `runs.output` asks for room itself, after its wait. */
const largeAnswers: ReadonlySet<HandledMethod> = new Set([
  'snapshot',
  'runs.list',
  'runs.get',
  'windows.list',
  'runbooks.get',
]);

/** The methods that the session answers itself. */
type SessionMethod = 'hello' | 'events.subscribe';
export type HandledMethod = Exclude<MethodName, SessionMethod>;

/** One function for each method; a missing one does not compile. Expected failures are thrown as RequestError. */
export type Handlers = {
  readonly [M in HandledMethod]: (
    params: MethodParams<M>,
    caller: Caller,
  ) => MethodResult<M> | Promise<MethodResult<M>>;
};

/** A result that breaks the contract: our own fault, so the peer gets no detail of it. */
class InvalidResultError extends Error {
  override readonly name = 'InvalidResultError';
}

export function isMethod(name: string): name is MethodName {
  return Object.hasOwn(methods, name);
}

export function requireRole(method: MethodName, caller: { readonly actor: string; readonly role: Role }): void {
  const least = methods[method].role;
  if (roles.indexOf(caller.role) >= roles.indexOf(least)) return;
  throw new RequestError('forbidden', `${method} needs the role ${least}; ${caller.actor} is ${caller.role}`);
}

/** Absent parameters count as none; keys that the schema does not name are dropped. */
export function parseParams<M extends MethodName>(method: M, params: unknown): MethodParams<M> {
  const parsed = methods[method].params.safeParse(params ?? {});
  if (parsed.success) return parsed.data as MethodParams<M>;
  throw new RequestError('invalidParams', `${method}: ${issuesText(parsed.error.issues)}`);
}

export async function dispatch<M extends HandledMethod>(
  handlers: Handlers,
  method: M,
  params: unknown,
  caller: Caller,
  secrets: Secrets,
): Promise<MethodResult<M>> {
  if (largeAnswers.has(method)) await caller.room();
  return checkResult(method, await handlers[method](withoutSecrets(parseParams(method, params), secrets), caller));
}

/** What people write to be kept: it goes into runs, windows and the audit log. */
function withoutSecrets<P extends object>(params: P, secrets: Secrets): P {
  const written = Object.entries(params).filter(([key]) => key === 'reason' || key === 'title');
  return written.length === 0 ? params : { ...params, ...secrets.deep(Object.fromEntries(written)) };
}

/** The result as the contract has it; keys that the schema does not name are dropped. */
export function checkResult<M extends MethodName>(method: M, result: MethodResult<M>): MethodResult<M> {
  // What is shared was checked before it was encoded.
  if (encodingOf(result) !== undefined) return result;
  const checked = methods[method].result.safeParse(result);
  if (checked.success) return checked.data as MethodResult<M>;
  throw new InvalidResultError(`result of ${method}: ${issuesText(checked.error.issues)}`);
}

/** The code that goes onto the wire with an error of this name. */
export function codeOf(error: RequestError): number {
  return errorCodes[error.errorName];
}

/** Where and what, never the value: it may be a secret. */
function issuesText(issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]): string {
  const shown = issues.slice(0, 5).map((issue) => {
    const path = issue.path.map(String).join('.');
    return path === '' ? issue.message : `${path}: ${issue.message}`;
  });
  return shown.join('; ').slice(0, 1000);
}
