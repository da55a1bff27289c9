/** What stands over the data of a host: no connection, a refused configuration; and the page while there is no host. */
import type { Action, Notice } from '../../webview/dashboardSchema.ts';
import type { HostView } from '../state/host.ts';
import { counted, duration, localTime, plain } from '../views/text.ts';

export const welcome: Notice = {
  tone: 'none',
  mark: 'host',
  title: 'No host yet',
  text: 'Create a maintenance.yaml to run tasks on this machine, or add a host on which the agent of Upkeep runs.',
  busy: false,
  actions: [
    {
      label: 'Create Configuration',
      spoken: 'Create a configuration for this machine',
      primary: true,
      command: { name: 'createConfiguration' },
    },
    { label: 'Add Host…', spoken: 'Add a host', primary: false, command: { name: 'addHost' } },
  ],
};

export function noticesOf(host: HostView, now: Date): Notice[] {
  return [...connectionNotices(host, now), ...configurationNotices(host)];
}

function connectionNotices(host: HostView, now: Date): Notice[] {
  const { connection } = host;
  const name = plain(host.name);
  const asOf = host.data === null ? '' : ` Shown is what was known at ${localTime(host.data.at)}.`;
  const actions = [reconnect(host), showLog];
  switch (connection.kind) {
    case 'online':
      return host.data === null ? [busy(`Reading the state of ${name} …`, '')] : [];
    case 'connecting':
      return [busy(`Connecting to ${name} …`, asOf.trim())];
    case 'idle':
      return [offline(`${name} is not connected`, asOf.trim(), 'muted', actions)];
    case 'waiting': {
      const wait = duration(Math.max(1000, connection.retryAt - now.getTime()));
      const text = `${sentence(connection.problem.message)} The next attempt is in ${wait}.${asOf}`;
      return [offline(`${name} is offline`, text, 'warning', actions)];
    }
    case 'failed':
      return [offline(`${name} refuses the connection`, sentence(connection.problem.message) + asOf, 'bad', actions)];
  }
}

function configurationNotices(host: HostView): Notice[] {
  const config = host.data?.config;
  if (config === undefined) return [];
  const errors = config.diagnostics.filter((one) => one.severity === 'error');
  const [first] = errors;
  if (!config.stale && first === undefined) return [];
  const where = first === undefined ? '' : `Line ${first.line}: ${sentence(first.message)}`;
  const more = errors.length < 2 ? '' : ` ${counted(errors.length - 1, 'more error')}.`;
  return [
    {
      tone: 'warning',
      mark: 'warning',
      title: config.stale
        ? 'The configuration is refused; the last good one is in force'
        : `The configuration has ${counted(errors.length, 'error')}`,
      text: where + more,
      busy: false,
      actions: [
        {
          label: 'Open Configuration',
          spoken: `Open the configuration of ${plain(host.name)}`,
          primary: false,
          command: { name: 'openConfiguration', host: host.name },
        },
      ],
    },
  ];
}

function busy(title: string, text: string): Notice {
  return { tone: 'busy', mark: 'running', title, text, busy: true, actions: [] };
}

function offline(title: string, text: string, tone: Notice['tone'], actions: Action[]): Notice {
  return { tone, mark: 'offline', title, text, busy: false, actions };
}

function reconnect(host: HostView): Action {
  const command = { name: 'reconnect', host: host.name } as const;
  return { label: 'Reconnect', spoken: `Reconnect to ${plain(host.name)} now`, primary: true, command };
}

const showLog: Action = {
  label: 'Show Log',
  spoken: 'Show the log of Upkeep',
  primary: false,
  command: { name: 'showLog' },
};

/** Problems are written to follow a name: `the agent refused …` */
function sentence(message: string): string {
  const text = plain(message);
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}
