/** Which SQL of a report may be run: a report is a file, and a file may have been written by anybody. */

/** Null when the statement is one that recommendations consist of; else why it is refused, as a clause. */
export function refusedSql(sql: string): string | null {
  const bare = sql.trim().replace(/;$/, '').replace(literal, "''");
  if (/;|--|\/\*|\\|\$|&/.test(bare.replace(identifier, 'x'))) return 'it is more than one plain statement';
  const setting = settingForms.map((form) => form.exec(bare)?.[1]).find((name) => name !== undefined);
  if (setting !== undefined) {
    const name = setting.replaceAll('"', '').toLowerCase();
    return dangerous.test(name) ? `${name} makes the server run programs, load code or open itself` : null;
  }
  const plain = bare.replace(identifier, 'x');
  return otherForms.some((form) => form.test(plain)) ? null : 'it is no statement of a recommendation';
}

const literal = /'(?:[^']|'')*'/g;
const identifier = /"(?:[^"]|"")*"/g;
const name = String.raw`(?:[\w.]+|"(?:[^"]|"")*")`;

/** Statements that set something of the server, a database or a role; the first group is what. */
const settingForms: readonly RegExp[] = [
  new RegExp(String.raw`^alter\s+system\s+set\s+(${name})\s*(?:=|\sto\s)`, 'i'),
  new RegExp(String.raw`^alter\s+system\s+reset\s+(${name})$`, 'i'),
  new RegExp(
    String.raw`^alter\s+(?:database|role)\s+${name}\s+(?:in\s+database\s+${name}\s+)?set\s+(${name})\s*(?:=|\sto\s)`,
    'i',
  ),
  new RegExp(String.raw`^alter\s+(?:database|role)\s+${name}\s+(?:in\s+database\s+${name}\s+)?reset\s+(${name})$`, 'i'),
];

/** The others, identifiers in quotes taken for x. */
const otherForms: readonly RegExp[] = [
  /^alter\s+(?:table|index|materialized\s+view)\s+(?:only\s+)?[\w.]+\s+(?:set|reset)\s*\(/i,
  /^alter\s+table\s+(?:only\s+)?[\w.]+\s+alter\s+(?:column\s+)?\w+\s+set\s+statistics\s/i,
  /^create\s+(?:unique\s+)?index\s+concurrently\s/i,
  /^drop\s+index\s+concurrently\s/i,
  /^reindex\s+(?:index|table)\s+concurrently\s/i,
  /^(?:create|drop)\s+extension\s+(?:if\s+(?:not\s+)?exists\s+)?(?:pg_stat_statements|pgstattuple|pg_repack)$/i,
  /^(?:create|drop|alter)\s+statistics\s/i,
  /^analyze\s/i,
];

/** By a report nobody shall get the server to run a program, load code or open itself. */
const dangerous =
  /_command$|_libraries$|^(?:archive_library|dynamic_library_path|extension_control_path|listen_addresses|hba_file|ident_file|krb_server_keyfile|ssl_.*|data_directory|config_file|session_authorization|role|row_security|all)$/;
