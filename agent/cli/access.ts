/** `upkeep token …`: on the store itself, whether or not an agent runs. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { parseDuration } from '../config/units.ts';
import { roles, role as roleSchema } from '../protocol/nouns.ts';
import { announcedFingerprint } from '../server/openCertificate.ts';
import { announceTokenChange } from '../server/storedTokens.ts';
import { appendAudit } from '../store/audit.ts';
import { Database } from '../store/database.ts';
import { lockHolder } from '../store/stateLock.ts';
import { createToken, listTokens, revokeToken } from '../store/tokens.ts';
import { isOlder } from '../store/upgrade.ts';
import { UsageError } from './errors.ts';
import { writeJson, writeTable, type Io } from './io.ts';
import { defaultStateDirectory } from './paths.ts';

interface StoreOptions {
  readonly state?: string;
  readonly json?: boolean;
}

export function registerAccess(program: Command, io: Io): void {
  const token = program.command('token').summary('access tokens for TCP');
  token
    .command('create')
    .summary('make a token; it is shown once')
    .requiredOption('--role <role>', roles.join(', '))
    .option('--name <name>', 'who or what it is for', 'token')
    .option('--expires <duration>', 'lifetime, such as 90d', '90d')
    .option('--state <dir>', "the agent's state folder")
    .option('--json', 'one JSON document on standard output')
    .action((options: StoreOptions & { role: string; name: string; expires: string }) => {
      const role = roleSchema.safeParse(options.role);
      if (!role.success) throw new UsageError(`--role ${options.role}: give one of ${roles.join(', ')}.`);
      const lifetime = parseDuration(options.expires);
      if (lifetime === null) throw new UsageError(`--expires ${options.expires}: give a duration such as 90d.`);
      const now = Date.now();
      const made = withStore(options, io, (database, state) => {
        const given = { name: options.name, role: role.data, now, expiresAt: now + lifetime };
        const created = createToken(database, given);
        audit(database, now, 'token.create', created.id, { role: role.data, name: options.name });
        announceTokenChange(state);
        return created;
      });
      const fingerprint = announcedFingerprint(options.state ?? defaultStateDirectory(io.env));
      if (options.json === true) writeJson(io, { ...made, certificateFingerprint: fingerprint });
      else {
        io.stdout.write(`${made.token}\n`);
        if (fingerprint !== null)
          io.stderr.write(`Compare when an editor asks about the certificate: SHA-256 ${fingerprint}\n`);
      }
    });
  token
    .command('list')
    .summary('tokens without their secrets')
    .option('--state <dir>', "the agent's state folder")
    .option('--json', 'one JSON document on standard output')
    .action((options: StoreOptions) => {
      const tokens = withStore(options, io, listTokens);
      if (options.json === true) writeJson(io, tokens);
      else {
        const rows = tokens.map((item) => [
          item.id,
          item.name,
          item.role,
          item.expiresAt ?? 'never',
          item.revokedAt ?? '-',
        ]);
        writeTable(io, [['ID', 'NAME', 'ROLE', 'EXPIRES', 'REVOKED'], ...rows]);
      }
    });
  token
    .command('revoke <id>')
    .summary('make a token useless at once')
    .option('--state <dir>', "the agent's state folder")
    .action((id: string, options: StoreOptions) => {
      const now = Date.now();
      withStore(options, io, (database, state) => {
        if (!revokeToken(database, id, now))
          throw new UsageError(`There is no valid token ${id}: see "upkeep token list".`);
        audit(database, now, 'token.revoke', id, {});
        announceTokenChange(state);
      });
    });
}

function withStore<T>(options: StoreOptions, io: Io, work: (database: Database, state: string) => T): T {
  const state = options.state ?? defaultStateDirectory(io.env);
  const file = join(state, 'upkeep.db');
  if (!existsSync(file)) throw new UsageError(`There is no store in ${state}: start the agent once, or give --state.`);
  refuseUnderOlderAgent(file, state);
  const database = new Database(file);
  try {
    return work(database, state);
  } finally {
    database.close();
  }
}

/** Its store would be brought to our version under it. */
function refuseUnderOlderAgent(file: string, state: string): void {
  const pid = isOlder(file) ? lockHolder(state) : null;
  if (pid === null) return;
  throw new UsageError(`The agent (pid ${pid}) is of an older Upkeep than this command: restart it, then try again.`);
}

function audit(database: Database, at: number, action: string, target: string, detail: Record<string, unknown>): void {
  const actor = `cli:${process.getuid?.() ?? 'user'}`;
  appendAudit(database, { at, actor, action, target, reason: null, detail });
}
