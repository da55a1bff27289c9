import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { substitute, variablesFrom } from '../../agent/config/variables.ts';
import { load, maintenance, onlyMessage, places, withFolder } from './harness.ts';

const lookup = variablesFrom({ NAME: 'value', EMPTY: '', NESTED: '${NAME}', ODD: 'a"\n- b: {c' });

describe('variables of the configuration', () => {
  const good: readonly (readonly [string, string])[] = [
    ['${NAME}', 'value'],
    ['a${NAME}b${NAME}', 'avaluebvalue'],
    ['${NONE:-default}', 'default'],
    ['${EMPTY:-default}', 'default'],
    ['${NAME:-default}', 'value'],
    ['${NONE:-}', ''],
    ['$${NAME}', '${NAME}'],
    ['$${NAME} ${NAME}', '${NAME} value'],
    ['${NESTED}', '${NAME}'],
    ['$NAME {NAME} $ $$', '$NAME {NAME} $ $$'],
    ['${ODD}', 'a"\n- b: {c'],
  ];
  for (const [text, expected] of good) {
    it(`reads ${text} as ${JSON.stringify(expected)}`, () => {
      assert.deepEqual([substitute(text, lookup).text, substitute(text, lookup).problem], [expected, null]);
    });
  }

  for (const text of ['${1A}', '${}', '${A B}', '${NAME', '${NAME:?x}', '${NAME%x}', '${A:-${B}}', '${NAME:default}']) {
    it(`refuses ${text} and says how it is written`, () => {
      const { problem } = substitute(text, lookup);
      assert.equal(problem?.code, 'invalid-variable');
      assert.match(problem.message, /is not of the form `\$\{NAME\}` or `\$\{NAME:-default\}`/);
    });
  }

  it('takes an empty or inherited name as not set', () => {
    for (const name of ['NONE', 'EMPTY', 'constructor', '__proto__']) {
      assert.equal(substitute(`\${${name}}`, lookup).problem?.code, 'unset-variable');
    }
  });

  it('finds what the environment lacks among the credentials of systemd', async () => {
    await withFolder(async (folder) => {
      await writeFile(join(folder, 'PASSWORD'), 'geheim\n');
      const find = variablesFrom({ CREDENTIALS_DIRECTORY: folder });
      assert.equal(find('PASSWORD'), 'geheim');
      assert.equal(find('OTHER'), undefined);
    });
  });

  it('never reads a value as YAML', () => {
    const text = maintenance('automated_tasks:', '  - name: a', '    procedure: rotate-logs', '    description: ${X}');
    const value = 'x\n    - name: evil\n      script: /bin/sh # "';
    const { config, tasks } = load(text, { X: value });
    assert.equal(tasks, 1);
    assert.equal(config?.tasks[0]?.description, value);
  });

  it('leaves keys alone', () => {
    assert.deepEqual(places(load(maintenance('${NAME}: 1'), { NAME: 'thresholds' })), ['2:3 error unknown-key']);
  });

  it('gives out what must be masked: values, passwords in URLs, secrets in clear; not what is ordinary', () => {
    const text = maintenance(
      'databases:',
      '  - {name: a, url: "${URL}"}',
      '  - {name: b, url: "postgres://b:in%20clear@${HOST}/b"}',
      'certificates: {password: keypass, ca: "${HOME}/ca.pem"}',
      'notifications: {webhook: "http://${LOOP}:${PORT}/"}',
    );
    const env = {
      URL: 'postgres://a:pw-of-a@db/a',
      HOST: 'db.example.org',
      HOME: '/root',
      LOOP: 'localhost',
      PORT: '8080',
    };
    const { secrets } = load(text, env);
    assert.deepEqual(
      new Set(secrets),
      new Set(['postgres://a:pw-of-a@db/a', 'pw-of-a', 'in%20clear', 'in clear', 'keypass', 'db.example.org']),
    );
  });

  it('takes a password that is the name of the user or database for no secret', () => {
    const text = maintenance(
      'databases:',
      '  - {name: a, url: "postgres://postgres:postgres@db/postgres"}',
      '  - {name: b, url: "postgres://me:app@db:5432/app?x=1"}',
      '  - {name: c, url: "postgres://me:app-1@db:5432/app?x=1"}',
    );
    assert.deepEqual(load(text).secrets, ['app-1']);
  });

  it('takes the address of a webhook for a secret, and no address of this host', () => {
    const address = 'https://hooks.example.org/services/T0/B0/xyz';
    const found = load(
      maintenance('notifications:', `  webhook: ${address}`, '  slack_webhook: http://localhost:80/x'),
    );
    assert.deepEqual(found.secrets, [address, '/services/T0/B0/xyz']);
    assert.deepEqual(places(found), []);
  });

  it('V05: shows no value in what it says about a setting', () => {
    const result = load(maintenance('timezone: "${ZONE}"', 'retention: {runs: "${ZONE}"}'), { ZONE: 'geheim-zone' });
    assert.equal(result.diagnostics.length > 0, true);
    assert.doesNotMatch(JSON.stringify(result.diagnostics), /geheim/);
    assert.match(JSON.stringify(result.diagnostics), /no time zone `\*{11}`/);
  });

  it('warns about secrets in command lines, which everybody can read', async () => {
    await withFolder(async (folder) => {
      await writeFile(join(folder, 'a.sh'), '#!/bin/sh\n', { mode: 0o755 });
      const text = maintenance(
        'automated_tasks:',
        '  - name: a',
        '    script: a.sh',
        '    args: ["--token", "${API_TOKEN}", "${PLACE}"]',
        '    env: {TOKEN: "${API_TOKEN}"}',
        '    on_abort: {command: [psql, "postgres://a:${PW}@db/a"]}',
      );
      const result = load(text, { API_TOKEN: 'geheim', PLACE: '/srv', PW: 'geheim' }, join(folder, 'm.yaml'));
      assert.deepEqual(places(result), ['5:25 warning secret-in-arguments', '7:34 warning secret-in-arguments']);
      assert.match(result.diagnostics[0]?.message ?? '', /the secret `API_TOKEN`.*put it into `env`/);
    });
  });

  it('warns about a password that is too short to be masked', () => {
    const result = load(maintenance('certificates: {password: "${KEY_PASSWORD}"}', 'timezone: ${TZONE}'), {
      KEY_PASSWORD: 'abc',
      TZONE: 'UTC',
    });
    assert.deepEqual(places(result), ['2:28 warning short-secret']);
    assert.match(onlyMessage(result), /`KEY_PASSWORD` is shorter than 4 characters, so it is not masked/);
  });

  it('warns about secrets in clear without repeating them', () => {
    const text = maintenance(
      'certificates: {password: hunter22}',
      'notifications:',
      '  smtp: smtp://ops:hunter22@mail.example.org',
      '  slack_webhook: https://hooks.slack.com/services/T0/B0/hunter22',
      'databases: [{name: a, url: "postgres://a@db/a"}, {name: b, url: "postgres://b:${PW}@db/b"}]',
    );
    const result = load(text, { PW: 'geheim' });
    assert.deepEqual(places(result), [
      '2:28 warning secret-in-clear',
      '4:11 warning secret-in-clear',
      '5:20 warning secret-in-clear',
    ]);
    assert.doesNotMatch(JSON.stringify(result.diagnostics), /hunter22|geheim/);
  });
});
