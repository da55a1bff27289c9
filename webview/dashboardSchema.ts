/**
 * What the dashboard shows, ready to be drawn: the extension makes it, the page draws it. All texts are plain texts.
 * Instants are milliseconds since 1970; shares of a length are 0 … 1.
 */
import * as z from 'zod/mini';

export const toneSchema = z.enum(['good', 'busy', 'warning', 'bad', 'muted', 'none']);
export type Tone = z.infer<typeof toneSchema>;

export const markSchema = z.enum([
  'pass',
  'warning',
  'error',
  'info',
  'clock',
  'timedOut',
  'cancelled',
  'lost',
  'skipped',
  'missed',
  'running',
  'bell',
  'bellOff',
  'tools',
  'calendar',
  'host',
  'offline',
]);
/** A sign beside a text: says in its shape what the tone says in its colour. */
export type Mark = z.infer<typeof markSchema>;

/** What the page may ask of the extension; each is a command that the palette has too. */
export const commandSchema = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('openOutput'), host: z.string(), runId: z.string() }),
  z.strictObject({ name: z.literal('acknowledgeAlert'), host: z.string(), alertId: z.string() }),
  z.strictObject({ name: z.literal('extendWindow'), host: z.string(), windowId: z.string() }),
  z.strictObject({ name: z.literal('endWindow'), host: z.string(), windowId: z.string() }),
  z.strictObject({ name: z.literal('startWindow'), host: z.string() }),
  z.strictObject({ name: z.literal('runChecks'), host: z.string() }),
  z.strictObject({ name: z.literal('reconnect'), host: z.string() }),
  z.strictObject({ name: z.literal('openConfiguration'), host: z.string() }),
  z.strictObject({ name: z.literal('showCertificate'), host: z.string(), source: z.string() }),
  z.strictObject({ name: z.literal('addHost') }),
  z.strictObject({ name: z.literal('createConfiguration') }),
  z.strictObject({ name: z.literal('showLog') }),
  z.strictObject({ name: z.literal('showView'), view: z.enum(['tasks', 'health', 'certificates', 'maintenance']) }),
]);
export type Command = z.infer<typeof commandSchema>;

const action = z.object({
  label: z.string(),
  /** For screen readers, where `label` says too little alone. */
  spoken: z.string(),
  primary: z.boolean(),
  command: commandSchema,
});
export type Action = z.infer<typeof action>;

/** One thing to say, with what can be done about it: a banner over the data, or the page while there is none. */
const notice = z.object({
  tone: toneSchema,
  mark: markSchema,
  title: z.string(),
  text: z.string(),
  /** Something is under way. */
  busy: z.boolean(),
  actions: z.array(action),
});
export type Notice = z.infer<typeof notice>;

const tile = z.object({
  id: z.enum(['health', 'alerts', 'next', 'window']),
  title: z.string(),
  tone: toneSchema,
  mark: markSchema,
  value: z.string(),
  detail: z.string(),
  /** How much of something is over: of the window's time. */
  share: z.nullable(z.number()),
  actions: z.array(action),
});
export type Tile = z.infer<typeof tile>;

const bar = z.object({
  id: z.string(),
  from: z.number(),
  to: z.number(),
  tone: toneSchema,
  mark: markSchema,
  /** `daily_vacuum: failed` */
  title: z.string(),
  lines: z.array(z.string()),
  /** Null while there is nothing to open. */
  command: z.nullable(commandSchema),
});
export type Bar = z.infer<typeof bar>;

const row = z.object({
  name: z.string(),
  tone: toneSchema,
  mark: z.nullable(markSchema),
  /** What its last run ended with, or when it runs next. */
  text: z.string(),
  /** In the order of time. */
  bars: z.array(bar),
  next: z.nullable(z.object({ at: z.number(), text: z.string() })),
});
export type Row = z.infer<typeof row>;

const timeline = z.object({
  from: z.number(),
  now: z.number(),
  to: z.number(),
  ticks: z.array(z.object({ at: z.number(), label: z.string() })),
  /** Maintenance windows. */
  bands: z.array(z.object({ from: z.number(), to: z.number(), label: z.string(), open: z.boolean() })),
  rows: z.array(row),
  /** What is left out, and why; empty when nothing is. */
  note: z.string(),
});
export type Timeline = z.infer<typeof timeline>;

const lifetime = z.object({
  id: z.string(),
  name: z.string(),
  source: z.string(),
  tone: toneSchema,
  mark: markSchema,
  /** `12 days left` */
  text: z.string(),
  reasons: z.array(z.string()),
  /** Null when the certificate could not be read. */
  span: z.nullable(
    z.object({
      from: z.string(),
      to: z.string(),
      /** Share of the lifetime that is over. */
      elapsed: z.number(),
      /** Shares of the lifetime at which the warning begins, and from which on it is critical. */
      warnAt: z.number(),
      criticalAt: z.number(),
    }),
  ),
  /** What colours and bar say, for screen readers. */
  spoken: z.string(),
  details: z.array(z.string()),
  command: commandSchema,
});
export type Lifetime = z.infer<typeof lifetime>;

const meter = z.object({
  /** Shares of the scale. */
  value: z.number(),
  threshold: z.number(),
  /** `91 %, threshold 85 %` */
  text: z.string(),
  valueText: z.string(),
  thresholdText: z.string(),
});
export type Meter = z.infer<typeof meter>;

const healthFinding = z.object({
  id: z.string(),
  title: z.string(),
  subject: z.string(),
  tone: toneSchema,
  mark: markSchema,
  level: z.string(),
  message: z.string(),
  meter: z.nullable(meter),
  /** Instead of a meter: `available`; mostly empty. */
  word: z.string(),
});
export type HealthFinding = z.infer<typeof healthFinding>;

const component = z.object({
  id: z.string(),
  title: z.string(),
  tone: toneSchema,
  mark: markSchema,
  text: z.string(),
  findings: z.array(healthFinding),
  /** `12 more, all ok`; empty when all are shown. */
  more: z.string(),
});
export type Component = z.infer<typeof component>;

const alertRow = z.object({
  id: z.string(),
  title: z.string(),
  message: z.string(),
  tone: toneSchema,
  mark: markSchema,
  state: z.string(),
  when: z.string(),
  open: z.boolean(),
  actions: z.array(action),
});
export type AlertRow = z.infer<typeof alertRow>;

const body = z.object({
  tiles: z.array(tile),
  timeline,
  lifetimes: z.array(lifetime),
  components: z.array(component),
  alerts: z.array(alertRow),
  /** What sections say that leave something out or are empty. */
  notes: z.object({ lifetimes: z.string(), components: z.string(), alerts: z.string() }),
});
export type Body = z.infer<typeof body>;

export const dashboardSchema = z.object({
  hosts: z.array(z.object({ name: z.string(), label: z.string(), tone: toneSchema, text: z.string() })),
  selected: z.nullable(z.string()),
  /** Beside the host's name: `Debian · agent 0.1.0 · you are operator`. */
  about: z.string(),
  actions: z.array(action),
  notices: z.array(notice),
  /** Null while nothing is known of the host; the notices say why. */
  body: z.nullable(body),
  /** True while the body is older than the connection: it is drawn dimmed. */
  stale: z.boolean(),
  /** Read out when it changes. */
  spoken: z.string(),
});
export type Dashboard = z.infer<typeof dashboardSchema>;
