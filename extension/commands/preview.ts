/** What a procedure would do, asked of the agent before a person decides. */
import type { MethodResult } from '../../agent/protocol/methods.ts';
import type { Host } from '../state/host.ts';

/** Null from an agent that can not tell; throws what it says of wrong options or an unknown procedure. */
export async function previewOf(
  host: Host,
  procedure: string,
  options: Readonly<Record<string, unknown>>,
): Promise<MethodResult<'procedures.preview'> | null> {
  if (host.client.hello?.capabilities.includes('procedures.preview') !== true) return null;
  return host.request('procedures.preview', { procedure, options: { ...options } });
}

/** Values that exist on the host for options of the procedure; empty from an agent that does not tell. */
export async function choicesOf(host: Host, procedure: string): Promise<MethodResult<'procedures.choices'>['choices']> {
  if (host.client.hello?.capabilities.includes('procedures.choices') !== true) return {};
  return (await host.request('procedures.choices', { procedure })).choices;
}
