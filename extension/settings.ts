/** The settings of this extension, read and checked in one place. */
import * as vscode from 'vscode';
import * as z from 'zod';
import { settingIds, type SettingName } from './ids.ts';
import type { HostDefinition } from './state/host.ts';

export type NotificationLevel = 'all' | 'tasks' | 'none';

const hostList = z.array(
  z.object({ name: z.string().trim().min(1).max(100), url: z.string().trim().min(1).max(2000) }),
);
const notificationLevel = z.enum(['all', 'tasks', 'none']);

/** Name of the host that stands for the bundled agent. */
export const localName = 'local';

export const settings = {
  /** Hosts of the user's own settings; a workspace can name none. Entries that make no sense are left out. */
  hosts(): readonly HostDefinition[] {
    const value = read('hosts');
    const parsed = hostList.safeParse(value);
    if (parsed.success) return parsed.data.filter((host) => host.name !== localName);
    if (!Array.isArray(value)) return [];
    return value
      .flatMap((entry: unknown) => hostList.safeParse([entry]).data ?? [])
      .filter((host) => host.name !== localName);
  },
  localEnabled: (): boolean => read('localEnabled') !== false,
  /** Null when it is not set. */
  localConfigFile(): string | null {
    const value = read('localConfigFile');
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
  },
  notifications: (): NotificationLevel => notificationLevel.safeParse(read('notifications')).data ?? 'all',
  runbooksInclude: (): string => {
    const value = read('runbooksInclude');
    return typeof value === 'string' && value.trim() !== '' ? value : '{**/runbooks/**/*.md,**/*.runbook.md}';
  },
  runbooksCodeLens: (): boolean => read('runbooksCodeLens') !== false,
};

export async function storeHosts(hosts: readonly HostDefinition[]): Promise<void> {
  await vscode.workspace.getConfiguration().update(settingIds.hosts, hosts, vscode.ConfigurationTarget.Global);
}

function read(name: SettingName): unknown {
  return vscode.workspace.getConfiguration().get<unknown>(settingIds[name]);
}
