import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const repository = join(import.meta.dirname, '..', '..');

/** Everything that `npm start` and `npm test` make and keep; ignored by git, may be deleted at any time. */
export const keptFolder = join(repository, '.sandbox');

/** What the agent looks after, and its state: that of `npm start`, unless the environment names another. */
export const sandboxFolder = process.env['UPKEEP_SANDBOX_FOLDER'] ?? keptFolder;

/** Tells apart the sandboxes of several clones on one machine. */
export const sandboxKey = createHash('sha256').update(sandboxFolder).digest('hex').slice(0, 12);

export const sandbox = {
  /** The folder that VS Code opens. */
  workspace: join(sandboxFolder, 'workspace'),
  configuration: join(sandboxFolder, 'workspace', 'maintenance.yaml'),
  runbooks: join(sandboxFolder, 'workspace', 'runbooks'),
  certificates: join(sandboxFolder, 'certificates'),
  /** The authority by which one of them is renewed, with its key; and what was renewed, before it is deployed. */
  authority: join(sandboxFolder, 'authority.json'),
  renewed: join(sandboxFolder, 'renewed'),
  /** Process of the services, which read their certificates anew on SIGUSR2. */
  servicesPid: join(sandboxFolder, 'services.pid'),
  /** Archives of the certificates. */
  backups: join(sandboxFolder, 'backups'),
  logs: join(sandboxFolder, 'logs'),
  /** State folder of the agent. */
  state: join(sandboxFolder, 'state'),
  socket: socketPath(),
  agentLog: join(sandboxFolder, 'agent.log'),
  flagFile: join(sandboxFolder, 'maintenance.flag'),
  artefacts: join(keptFolder, 'artefacts'),
  /** Processes of the sandbox that runs now, so that a start after a crash can end them. */
  processes: join(sandboxFolder, 'processes.json'),
  ports: join(sandboxFolder, 'ports.json'),
  editorData: join(sandboxFolder, 'vscode-data'),
  vsix: join(sandboxFolder, 'upkeep.vsix'),
} as const;

/** A Unix socket's path may have 107 bytes at most (unix(7)), and in an address neither `:` nor `?`. */
function socketPath(): string {
  const inside = join(sandboxFolder, 'agent.sock');
  return Buffer.byteLength(inside) <= 100 && !/[:?]/.test(inside)
    ? inside
    : join(tmpdir(), `upkeep-${sandboxKey}.sock`);
}
