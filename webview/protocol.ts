/** Every message between a page and its extension, each declared once; both sides validate what they receive. */
import * as z from 'zod/mini';
import { commandSchema, dashboardSchema } from './dashboardSchema.ts';

/** Extension → page. */
const hostMessageSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('dashboard'), dashboard: dashboardSchema }),
]);
export type HostMessage = z.infer<typeof hostMessageSchema>;

/** Page → extension. */
const pageMessageSchema = z.discriminatedUnion('type', [
  /** The page has been loaded, also after it was hidden, and wants to know all. */
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({ type: z.literal('selectHost'), host: z.string() }),
  z.strictObject({ type: z.literal('command'), command: commandSchema }),
  /** Something went wrong in the page; goes to the log. */
  z.strictObject({ type: z.literal('problem'), message: z.string() }),
]);
export type PageMessage = z.infer<typeof pageMessageSchema>;

/** What a page keeps while it is hidden and between two starts of the editor. */
const pageStateSchema = z.object({ host: z.nullable(z.string()) });
export type PageState = z.infer<typeof pageStateSchema>;

/** A message read, or one sentence that says what is wrong with it. */
export type Parsed<T> = { readonly message: T } | { readonly problem: string };

export function parseHostMessage(data: unknown): Parsed<HostMessage> {
  return parsed(hostMessageSchema, data);
}

export function parsePageMessage(data: unknown): Parsed<PageMessage> {
  return parsed(pageMessageSchema, data);
}

/** The state that a page kept; a state that can not be read is as good as none. */
export function parsePageState(data: unknown): PageState {
  const result = pageStateSchema.safeParse(data);
  return result.success ? result.data : { host: null };
}

function parsed<T>(schema: z.ZodMiniType<T>, data: unknown): Parsed<T> {
  const result = schema.safeParse(data);
  if (result.success) return { message: result.data };
  const [issue] = result.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? 'the message' : issue.path.join('.');
  return { problem: `${place}: ${issue?.message ?? 'is not valid'}` };
}
