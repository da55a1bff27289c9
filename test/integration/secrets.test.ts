import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { AgentEvent } from '../../agent/protocol/events.ts';
import { AgentWorld, endOf, type AgentProcess } from './agentProcess.ts';

/** Nothing of these may be found anywhere but where they were planted. */
const planted = {
  token: 'planted-api-token-1',
  databasePassword: 'planted-db-pass+2',
  hook: '/hooks/planted-hook-path-3',
  smtpPassword: 'planted-smtp-4',
  keyPassword: 'planted-p12-5',
  chunks: 'planted-in-chunks-6',
  basic: 'planted-basic-7',
  option: 'planted-option-8',
  pgPassword: 'planted-pgpass-9',
  credential: 'planted-credential-10',
  quoted: 'planted "quoted"\\11',
} as const;
const wrongToken = 'planted-wrong-token-12';
const forms = [
  ...Object.values(planted),
  wrongToken,
  encodeURIComponent(planted.databasePassword),
  JSON.stringify(planted.quoted).slice(1, -1),
  Buffer.from(planted.basic).toString('base64').slice(0, 16),
  Buffer.from(`user:${planted.basic}`).toString('base64').slice(8, 24),
];

describe('secrets of a running agent', function () {
  this.timeout(120_000);
  let world: AgentWorld;
  let hooks: Server;
  let hooked = 0;

  beforeEach(async () => {
    world = new AgentWorld();
    hooked = 0;
    hooks = createServer((incoming, response) => {
      hooked += incoming.url === planted.hook ? 1 : 0;
      response.writeHead(500).end(`no: ${incoming.url ?? ''}`);
    }).listen(0, '127.0.0.1');
    await once(hooks, 'listening');
  });
  afterEach(async () => {
    await world.dispose();
    hooks.closeAllConnections();
    hooks.close();
  });

  const portOf = (server: Server): number => (server.address() as AddressInfo).port;

  function environment(): NodeJS.ProcessEnv {
    const credentials = join(world.folder, 'credentials');
    mkdirSync(credentials, { recursive: true, mode: 0o700 });
    writeFileSync(join(credentials, 'FROM_SYSTEMD'), `${planted.credential}\n`, { mode: 0o600 });
    return {
      API_TOKEN: planted.token,
      DB_URL: `postgres://app:${encodeURIComponent(planted.databasePassword)}@127.0.0.1:1/app`,
      HOOK: `http://127.0.0.1:${portOf(hooks)}${planted.hook}`,
      SMTP_PASSWORD: planted.smtpPassword,
      P12_PASSWORD: planted.keyPassword,
      CHUNKS: planted.chunks,
      BASIC: planted.basic,
      OPTION: planted.option,
      QUOTED: planted.quoted,
      PGPASSWORD: planted.pgPassword,
      CREDENTIALS_DIRECTORY: credentials,
    };
  }

  function configure(): void {
    world.script(
      'leak.sh',
      [
        'printf "%s\\n" "token $TOKEN url $DB_URL pg $PGPASSWORD quoted $QUOTED"',
        'i=1; while [ $i -le 19 ]; do printf "%s" "$(printf "%s" "$CHUNKS" | cut -c$i)"; i=$((i+1)); done; echo',
        'cut -c1-10 <<EOF | tr -d "\\n"\n$CHUNKS\nEOF\nsleep 0.1; printf "%s\\n" "$CHUNKS" | cut -c11-',
        'printf "Authorization: Basic %s\\n" "$(printf "user:%s" "$BASIC" | base64)"; printf "%s" "$BASIC" | base64',
        'cat "$CREDENTIALS_DIRECTORY/FROM_SYSTEMD"; echo "$HOOK $SMTP_PASSWORD $P12_PASSWORD $OPTION" >&2',
        `printf '{"type":"finding","level":"warning","code":"a.b","subject":"%s","message":"seen %s"}\\n' "$TOKEN" "$DB_URL" >> "$UPKEEP_RESULTS"`,
        'tr "\\0" "\\n" < /proc/$PPID/cmdline > "$UPKEEP_RUN_DIRECTORY/../../../seen-cmdline"',
        'tr "\\0" "\\n" < /proc/self/environ > /dev/null',
        'kill -SEGV $$',
      ].join('\n'),
    );
    world.write(`maintenance:
  databases: [{ name: app, url: "\${DB_URL}" }]
  certificates: { paths: ["${world.folder}/broken.p12"], password: "\${P12_PASSWORD}" }
  notifications: { webhook: "\${HOOK}", email_list: [a@example.org], smtp: "smtp://ops:\${SMTP_PASSWORD}@127.0.0.1:1" }
  health: { services: [{ name: api, http: "http://127.0.0.1:1/?key=\${API_TOKEN}" }] }
  automated_tasks:
    - name: leak
      script: leak.sh
      description: "with \${API_TOKEN}"
      alert_on_failure: true
      env: { TOKEN: "\${API_TOKEN}", CHUNKS: "\${CHUNKS}", BASIC: "\${BASIC}", QUOTED: "\${QUOTED}", OPTION: "\${OPTION}" }
    - { name: certs, procedure: check-certificates, options: { path: ["${world.folder}/\${OPTION}.pem"] }, alert_on_failure: true }
    - { name: refused, procedure: check-certificates, options: { warn_days: "\${OPTION}" } }
    - { name: from-systemd, procedure: health-check, description: "\${FROM_SYSTEMD}" }
`);
    writeFileSync(join(world.folder, 'broken.p12'), 'no PKCS#12');
  }

  it('V05: eleven planted secrets are in no log, event, answer, diagnostics or file, whatever fails', async () => {
    configure();
    const agent = await world.start(['--listen', '127.0.0.1:0', '--log-level', 'debug'], environment());
    const { client } = agent;
    const events: AgentEvent[] = [];
    client.onEvent((event) => events.push(event));
    await client.subscribe((await client.request('snapshot', {})).epoch, 0);
    const answers: unknown[] = [];
    for (const task of ['leak', 'certs', 'from-systemd']) {
      const reason = `because of ${planted.token}`;
      const { run } = await client.request('tasks.run', { task, requestId: randomUUID(), reason });
      answers.push(await endOf(client, run.id));
      answers.push(await client.request('runs.get', { runId: run.id }));
      const output = await client.request('runs.output', { runId: run.id, offset: 0 });
      answers.push(output);
      if (task === 'leak') assert.match(output.text, /^token \*{19} url \*+ pg \*{16} quoted \*{19}\n\*{19}\n\*{19}\n/);
    }
    answers.push(await forced(agent));
    answers.push(await client.request('snapshot', {}));
    const doctor = await world.command(
      ['doctor', '--json', '--config', world.config, '--socket', world.socket],
      environment(),
    );
    const check = await world.command(['config', 'check', world.config, '--json'], environment());
    const byHand = await world.command(['health-check', '--config', world.config], environment());
    answers.push(doctor, check, byHand, await world.command(['runs', '--json', '--socket', world.socket]));
    assert.equal(check.code, 2, check.stderr);
    assert.match(byHand.stdout, /api is not available/);
    await untilEmpty(join(world.state, 'unmasked'));
    await agent.stop();

    assert.ok(hooked > 0, 'the webhook was called');
    assert.match(agent.log(), /an alert could not be sent/);
    for (const [place, text] of [
      ['the log', agent.log()],
      ['events', JSON.stringify(events)],
      ['answers', JSON.stringify(answers)],
      ...filesBelow(world.state).map((file) => [file, readFileSync(file, 'latin1')] as const),
    ] as const) {
      for (const form of forms) assert.equal(text.includes(form), false, `${form} is in ${place}`);
    }
    assert.ok(events.length > 5);
  });

  /** Requests that are refused or fail: 400, 401, an unknown method, wrong parameters. */
  async function forced(agent: AgentProcess): Promise<unknown> {
    const port = Number(agent.listen?.split(':').at(-1));
    const statuses: unknown[] = [];
    for (const headers of [
      { authorization: `Bearer ${wrongToken}` },
      { host: wrongToken },
      { authorization: wrongToken },
    ]) {
      const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
      const path = `/metrics?token=${wrongToken}`;
      httpRequest(
        { port, host: '127.0.0.1', path: 'host' in headers ? '/metrics' : path.slice(0, 8), headers },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      )
        .on('error', reject)
        .end();
      statuses.push(await promise);
    }
    assert.ok(statuses.every((status) => Number(status) >= 400));
    const refusals = [
      agent.client.request('tasks.run', { task: `no ${planted.token}`, requestId: randomUUID() }),
      agent.client.request('procedures.run', {
        procedure: 'health-check',
        options: { none: planted.option },
        requestId: randomUUID(),
      }),
      agent.client.request('runs.cancel', { runId: planted.token, reason: planted.token }),
    ];
    return (await Promise.allSettled(refusals)).map((settled) =>
      settled.status === 'rejected' ? String(settled.reason) : settled,
    );
  }

  it('V06: all files of the agent are its owner’s alone whatever the umask, and its token is nowhere but in the hands of its user', async () => {
    world.script(
      'look.sh',
      'tr "\\0" "\\n" < /proc/self/environ; tr "\\0" " " < /proc/$PPID/cmdline; cat /proc/*/cmdline | tr "\\0" " "',
    );
    // Without checks, whose folders come and go while all files are looked at.
    world.write('maintenance:\n  checks: []\n  automated_tasks:\n    - { name: look, script: look.sh }\n');
    const before = process.umask(0);
    let agent: AgentProcess;
    let token: string;
    try {
      agent = await world.start(['--listen', '127.0.0.1:0']);
      token = (await world.command(['token', 'create', '--role', 'admin', '--state', world.state])).stdout.trim();
      assert.match(token, /^\S{20,}$/);
    } finally {
      process.umask(before);
    }
    const { client } = agent;
    const { run } = await client.request('tasks.run', { task: 'look', requestId: randomUUID() });
    await endOf(client, run.id);
    const window = await client.request('windows.open', { requestId: randomUUID(), reason: 'r', minutes: 5 });
    await client.request('windows.end', { windowId: window.window.id });
    const { text } = await client.request('runs.output', { runId: run.id, offset: 0 });
    assert.match(text, /UPKEEP_RUN_ID=/);
    assert.equal(text.includes(token), false);
    assert.deepEqual(openToOthers(world.state), []);
    assert.equal(lstatSync(world.socket).mode & 0o077, 0);
    await agent.stop();
    assert.deepEqual(openToOthers(world.state), []);
    for (const file of filesBelow(world.state)) assert.equal(readFileSync(file, 'latin1').includes(token), false, file);
  });
});

function filesBelow(folder: string): readonly string[] {
  return entriesBelow(folder).filter((path) => lstatSync(path).isFile());
}

/** Whatever others than the owner may read, write or enter, with its mode. */
function openToOthers(folder: string): readonly string[] {
  return [folder, ...entriesBelow(folder)]
    .filter((path) => (lstatSync(path).mode & 0o077) !== 0)
    .map((path) => `${path} ${(lstatSync(path).mode & 0o777).toString(8)}`);
}

function entriesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => existsSync(path));
}

async function untilEmpty(folder: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const look = (): void => {
    if (readdirSync(folder).length === 0) resolve(undefined);
  };
  const watcher = watch(folder, look);
  look();
  await promise;
  watcher.close();
}
