/** Add and remove hosts, store their tokens, connect again. */
import { messageOf } from '../client/errors.ts';
import { placeOf, placeText } from '../client/tls.ts';
import { parseAddress } from '../client/transport.ts';
import type { Pins } from '../certificateTrust.ts';
import { askInTurn, chosen, type Dialogs, type Step } from '../dialogs.ts';
import type { Handlers } from '../registrar.ts';
import { localName, settings, storeHosts } from '../settings.ts';
import type { Host } from '../state/host.ts';
import type { Hosts } from '../state/hosts.ts';
import type { Tokens } from '../tokens.ts';
import type { Target } from '../views/node.ts';
import { hostChoice, requireHost, targetAs } from './choose.ts';

export interface HostCommandParts {
  readonly hosts: Hosts;
  readonly dialogs: Dialogs;
  readonly tokens: Tokens;
  readonly pins: Pins;
  readonly showLog: () => void;
}

export function hostCommands(
  parts: HostCommandParts,
): Pick<Handlers, 'addHost' | 'setToken' | 'forgetCertificate' | 'removeHost' | 'reconnect' | 'showLog'> {
  const { hosts, dialogs, tokens, showLog } = parts;
  return {
    addHost: () => addHost(parts),

    setToken: async (target) => {
      const host = await pickHost(
        parts,
        target,
        'Set Token',
        hasToken,
        'no host with a ws:// or wss:// address is there',
      );
      if (host === undefined) return;
      const address = parseAddress(host.definition.url);
      const token = chosen(await askToken(dialogs, 'Set Token', host.name, address.url));
      if (token === undefined) return;
      if (token === '') await tokens.delete(address.url);
      else await tokens.set(address.url, token);
      host.client.reconnect();
    },

    forgetCertificate: (target) => forgetCertificate(parts, target),

    removeHost: async (target) => {
      const host = await pickHost(parts, target, 'Remove Host', (one) => !one.isLocal, 'there is no host to remove');
      if (host === undefined) return;
      const detail =
        'The host leaves your settings, and its token and certificate are forgotten. Nothing changes on the host itself.';
      if (!(await dialogs.confirm(`Remove ${host.name} (${host.place})?`, detail, 'Remove'))) return;
      await storeHosts(settings.hosts().filter((one) => one.name !== host.name));
      if (hasToken(host)) await tokens.delete(parseAddress(host.definition.url).url);
      const place = tlsPlace(host);
      if (place !== null) await parts.pins.delete(place);
    },

    reconnect: (target) => {
      const given = targetAs(target, 'host');
      const wanted = given === undefined ? hosts.all : [requireHost(hosts, given.host)];
      for (const host of wanted)
        if (given !== undefined || host.client.state.kind !== 'online') host.client.reconnect();
    },

    showLog,
  };
}

async function forgetCertificate(parts: HostCommandParts, target: Target | undefined): Promise<void> {
  const { pins, dialogs } = parts;
  const isPinned = (host: Host): boolean => {
    const place = tlsPlace(host);
    return place !== null && pins.get(place) !== null;
  };
  const none = 'you have accepted no certificate: those that an authority vouches for are not remembered';
  const host = await pickHost(parts, target, 'Forget Certificate', isPinned, none);
  if (host === undefined) return;
  const place = tlsPlace(host);
  const pin = place === null ? null : pins.get(place);
  if (place === null || pin === null)
    throw new Error(`no certificate of ${host.name} was accepted: there is none to forget`);
  const detail = `Accepted on ${pin.pinnedAt.slice(0, 10)}, SHA-256 fingerprint:\n${pin.fingerprint}\n\nThe next connection shows you the certificate that ${place} has then, and asks.`;
  if (!(await dialogs.confirm(`Forget the certificate of ${host.name} (${place})?`, detail, 'Forget'))) return;
  await pins.delete(place);
  host.client.reconnect();
}

async function addHost({ hosts, dialogs, tokens }: HostCommandParts): Promise<void> {
  const title = 'Add Host';
  let url = '';
  let name = '';
  let token = '';
  const askUrl: Step = async (step) => {
    const reply = await dialogs.input({
      title,
      step,
      value: url,
      prompt: 'Address of the agent',
      placeholder: 'wss://db-01.example.com:7433, ws://127.0.0.1:7433 or unix:/run/upkeep.sock',
      validate: addressProblem,
    });
    if (typeof reply === 'string') url = reply.trim();
    return reply;
  };
  const askName: Step = async (step) => {
    const reply = await dialogs.input({
      title,
      step,
      value: name === '' ? suggestedName(url) : name,
      prompt: 'Name under which the host is shown',
      validate: (text) => nameProblem(text.trim(), hosts),
    });
    if (typeof reply === 'string') name = reply.trim();
    return reply;
  };
  const askForToken: Step = async (step) => {
    if (parseAddress(url).scheme === 'unix') return '';
    const reply = await askToken(dialogs, title, name, url, step);
    if (typeof reply === 'string') token = reply;
    return reply;
  };
  if (!(await askInTurn([askUrl, askName, askForToken]))) return;
  if (token !== '') await tokens.set(parseAddress(url).url, token);
  await storeHosts([...settings.hosts(), { name, url }]);
}

function askToken(
  dialogs: Dialogs,
  title: string,
  name: string,
  url: string,
  step?: { readonly number: number; readonly total: number },
): ReturnType<Dialogs['input']> {
  return dialogs.input({
    title: `${title}: ${name}`,
    ...(step === undefined ? {} : { step }),
    prompt: `Token for ${name} (${url}); it is sent to this address alone. Make one there: upkeep token create. Empty for none`,
    password: true,
    validate: (text) =>
      /^[\u0021-\u007E]*$/.test(text.trim()) ? null : 'A token has no blanks and no special characters',
  });
}

async function pickHost(
  { hosts, dialogs }: HostCommandParts,
  target: Target | undefined,
  title: string,
  fits: (host: Host) => boolean,
  none: string,
): Promise<Host | undefined> {
  const given = targetAs(target, 'host');
  if (given !== undefined) return requireHost(hosts, given.host);
  const fitting = hosts.all.filter(fits);
  if (fitting.length === 0) throw new Error(none);
  return chosen(await dialogs.pick(fitting.map(hostChoice), { title, placeholder: 'Host' }));
}

function hasToken(host: Host): boolean {
  return !host.isLocal && !host.definition.url.startsWith('unix:');
}

/** Key of its certificate; null where there is no TLS. */
function tlsPlace({ definition: { url } }: Host): string | null {
  return url.startsWith('wss:') && addressProblem(url) === null ? placeText(placeOf(parseAddress(url).url)) : null;
}

function addressProblem(text: string): string | null {
  try {
    parseAddress(text.trim());
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

function nameProblem(name: string, hosts: Hosts): string | null {
  if (name === '') return 'A host needs a name';
  if (name.length > 100) return 'At most 100 characters';
  if (name === localName) return `"${localName}" is the agent of this workspace`;
  return hosts.get(name) === undefined ? null : `There is a host "${name}" already`;
}

function suggestedName(url: string): string {
  if (url.startsWith('unix:')) return 'this machine';
  return URL.canParse(url) ? new URL(url).hostname : '';
}
