import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  describeTarget,
  resolveTarget,
  resolveTargets,
  type ConnectionParameters,
} from '../../../agent/procedures/database/target.ts';
import { makeConfig } from './context.ts';

function parameters(url: string | undefined, env: Record<string, string> = {}): ConnectionParameters {
  const target = resolveTarget('shop', url, { HOME: '/nonexistent', USER: 'me', ...env });
  assert.ok('parameters' in target, 'problem' in target ? target.problem : '');
  return target.parameters;
}

describe('where a database is', () => {
  it('comes from the URL', () => {
    const { host, port, database, user, password, sslMode } = parameters(
      'postgresql://al%40ice:p%2Fw%23@db.example.org:6543/sh%20op?sslmode=verify-full',
    );
    assert.deepEqual(
      { host, port, database, user, password, sslMode },
      {
        host: 'db.example.org',
        port: 6543,
        database: 'sh op',
        user: 'al@ice',
        password: 'p/w#',
        sslMode: 'verify-full',
      },
    );
  });

  it('comes from PG* variables where the URL leaves it out', () => {
    const env = {
      PGHOST: 'h',
      PGPORT: '7000',
      PGUSER: 'u',
      PGPASSWORD: 'secret',
      PGDATABASE: 'd',
      PGSSLMODE: 'require',
    };
    const { host, port, database, user, password, sslMode } = parameters('postgres:///', env);
    assert.deepEqual([host, port, database, user, password, sslMode], ['h', 7000, 'd', 'u', 'secret', 'require']);
    assert.equal(parameters('postgres://other/', env).host, 'other');
    assert.equal(parameters(undefined, env).database, 'd');
  });

  it('comes from the defaults of libpq in the end: the database is named as the user', () => {
    const { port, database, user, sslMode } = parameters(undefined);
    assert.deepEqual([port, database, user, sslMode], [5432, 'me', 'me', 'prefer']);
  });

  it('may be the folder of a Unix socket, or an IPv6 address', () => {
    assert.equal(parameters('postgres:///shop?host=/run/pg').host, '/run/pg');
    assert.equal(parameters('postgres://[::1]:5433/shop').host, '::1');
    assert.match(describeTarget(parameters('postgres://u@[::1]:5433/shop')), /\[::1\]:5433/);
  });

  it('is a problem, told without the URL, when that is wrong', () => {
    const wrong = [
      'mysql://u:hunter2@h/d',
      'postgres://u:hunter2@h:99999/d',
      'hunter2',
      'postgres://u:hunter2@h1:1,h2:2/d',
    ];
    for (const url of [...wrong, 'postgres://u:hunter2@h/%zz', 'postgres://u:hunter2@h/d?sslmode=maybe']) {
      const target = resolveTarget('shop', url, {});
      assert.ok('problem' in target, url);
      assert.match(target.problem, /shop/);
      assert.doesNotMatch(target.problem, /hunter2/);
    }
  });

  it('is never described with its password', () => {
    assert.equal(describeTarget(parameters('postgres://u:hunter2@h:1/d')), 'shop at h:1, database d, user u');
  });
});

describe('the databases of a run', () => {
  const config = makeConfig({ databases: [{ name: 'a', url: 'postgres://h/a' }, { name: 'b' }] });

  it('are all that are configured, or those asked for, each once', () => {
    const names = (asked?: string[]): string[] =>
      resolveTargets(config, {}, asked).map((target) =>
        'parameters' in target ? target.parameters.name : target.problem,
      );
    assert.deepEqual(names(), ['a', 'b']);
    assert.deepEqual(names(['b', 'b']), ['b']);
    assert.match(names(['c'])[0] ?? '', /No database `c` is configured; use one of: a, b/);
  });

  it('is one named by PGDATABASE when none is configured', () => {
    const [target, ...more] = resolveTargets(makeConfig(), { PGDATABASE: 'shop', PGHOST: 'h' });
    assert.equal(more.length, 0);
    assert.ok(target !== undefined && 'parameters' in target);
    assert.deepEqual(
      [target.parameters.name, target.parameters.database, target.parameters.host],
      ['shop', 'shop', 'h'],
    );
  });

  it('are those of that server by name when none is configured', () => {
    const [target] = resolveTargets(makeConfig(), { PGDATABASE: 'shop', PGHOST: 'h' }, ['other']);
    assert.ok(target !== undefined && 'parameters' in target);
    assert.equal(target.parameters.database, 'other');
  });
});
