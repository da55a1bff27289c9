/**
 * JSON-RPC 2.0 messages as they may arrive, checked before vscode-jsonrpc sees them: it trusts their shape, and would
 * throw on `$/cancelRequest` without parameters or print what a peer puts into `$/logTrace`.
 */
import * as z from 'zod';

/** Deeper JSON is refused: nothing of ours nests so far, and recursive readers would overflow. */
const maxDepth = 64;

const id = z.union([z.string().max(100), z.int()]);
const method = z.string().min(1).max(100);
const request = z.object({ jsonrpc: z.literal('2.0'), id, method, params: z.unknown().optional() });
const cancel = z.object({
  jsonrpc: z.literal('2.0'),
  method: z.literal('$/cancelRequest'),
  params: z.object({ id }),
});
const notification = z.object({ jsonrpc: z.literal('2.0'), id: z.undefined().optional(), method });
const failure = z.object({ code: z.int(), message: z.string() });
const response = z.union([
  z.object({ jsonrpc: z.literal('2.0'), id: id.nullable(), error: failure }),
  z.object({ jsonrpc: z.literal('2.0'), id, result: z.unknown() }),
]);
const event = z.object({ jsonrpc: z.literal('2.0'), method: z.literal('event'), params: z.unknown() });

export type RequestId = z.infer<typeof id>;
export type ClientMessage = z.infer<typeof request> | z.infer<typeof cancel>;
export type ServerMessage = z.infer<typeof response> | z.infer<typeof event>;

export type ReadResult<M> =
  | { readonly kind: 'message'; readonly message: M }
  /** Well-formed, but of no use to this side: skipped. */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'unparsable' }
  | { readonly kind: 'invalid'; readonly id: RequestId | null; readonly why: string };

/** Reads what a client sent to the agent: requests and `$/cancelRequest`. */
export function readClientMessage(text: string): ReadResult<ClientMessage> {
  const value = parse(text);
  if (value === undefined) return { kind: 'unparsable' };
  if (Array.isArray(value)) return { kind: 'invalid', id: null, why: 'batches are not supported: one message a frame' };
  const why = refusal(value, maxDepth);
  if (why !== null) return { kind: 'invalid', id: idOf(value), why };
  const asRequest = request.safeParse(value);
  if (asRequest.success) return { kind: 'message', message: asRequest.data };
  const asCancel = cancel.safeParse(value);
  if (asCancel.success) return { kind: 'message', message: asCancel.data };
  if (notification.safeParse(value).success || response.safeParse(value).success) return { kind: 'ignored' };
  return { kind: 'invalid', id: idOf(value), why: 'not a JSON-RPC 2.0 request' };
}

/** Reads what the agent sent to a client: answers and events. */
export function readServerMessage(text: string): ReadResult<ServerMessage> {
  const value = parse(text);
  if (value === undefined) return { kind: 'unparsable' };
  const message = z.union([response, event]).safeParse(value);
  return message.success ? { kind: 'message', message: message.data } : { kind: 'ignored' };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function idOf(value: unknown): RequestId | null {
  return z.object({ id }).safeParse(value).data?.id ?? null;
}

/** Why a value is refused as a whole. A key `__proto__` would be dropped without a word on the way: nothing of ours has it. */
function refusal(value: unknown, levels: number): string | null {
  if (typeof value !== 'object' || value === null) return null;
  if (levels === 0) return `nested deeper than ${maxDepth} levels`;
  if (Object.hasOwn(value, '__proto__')) return 'the key `__proto__` is not allowed';
  for (const inner of Object.values(value)) {
    const why = refusal(inner, levels - 1);
    if (why !== null) return why;
  }
  return null;
}
