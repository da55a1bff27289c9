import assert from 'node:assert/strict';
import path from 'node:path';
import { logRotation } from '../../../agent/config/logRotation.ts';
import {
  LogrotateConfigProblem,
  chooseConfig,
  quotePath,
  renderConfig,
} from '../../../agent/procedures/logs/logrotateConfig.ts';
import { configuration } from './harness.ts';

const rotation = (settings: object) => logRotation.parse({ paths: ['/var/log/app/*.log'], ...settings });

describe('the generated logrotate configuration', () => {
  it("says all of the seed's directives", () => {
    const text = renderConfig([rotation({ create: '0644 app app', postrotate: 'kill -USR1 1' })], '/');
    for (const line of [
      '"/var/log/app/*.log" {',
      'daily',
      'rotate 14',
      'compress',
      'delaycompress',
      'missingok',
      'notifempty',
      'create 0644 app app',
      'sharedscripts',
      'postrotate',
      'kill -USR1 1',
      'endscript',
    ]) {
      assert.match(text, new RegExp(`^ *${line.replaceAll(/[/*.{$-]/g, String.raw`\$&`)}$`, 'm'));
    }
  });

  it('puts `size` last, since of several conditions logrotate takes the last', () => {
    const text = renderConfig([rotation({ size: '10M', frequency: 'weekly' })], '/');
    assert.ok(text.indexOf('weekly') < text.indexOf('size 10M'));
  });

  it('makes relative paths absolute against the folder of maintenance.yaml', () => {
    assert.equal(quotePath('logs/*.log', '/srv/app'), '"/srv/app/logs/*.log"');
  });

  for (const [name, pattern, quoted] of [
    ['a blank', '/v/a b.log', '"/v/a b.log"'],
    ['an apostrophe', "/v/it's.log", `"/v/it's.log"`],
    ['quotation marks', '/v/a"b.log', `'/v/a"b.log'`],
    ['a comment sign', '/v/#a.log', '"/v/#a.log"'],
    ['shell text', '/v/$(touch pwned);`x`.log', '"/v/$(touch pwned);`x`.log"'],
  ] as const) {
    it(`quotes a path with ${name} (V13)`, () => {
      assert.equal(quotePath(pattern, '/'), quoted);
    });
  }

  for (const [name, pattern] of [
    ['a line break', '/v/a.log {\n}\n/etc/passwd'],
    ['NUL', '/v/a\0.log'],
    ['an opening brace', '/v/{a,b}.log'],
    ['a closing brace', '/v/a}.log'],
    ['both kinds of quotation marks', `/v/a"b'c.log`],
    ['a backslash at the end', '/v/a\\'],
  ] as const) {
    it(`refuses a path with ${name} and says what to do (V13)`, () => {
      assert.throws(
        () => quotePath(pattern, '/'),
        (error: unknown) => {
          assert.ok(error instanceof LogrotateConfigProblem);
          assert.match(error.message, /^logs\.rotate: the path .+; use a glob/);
          return true;
        },
      );
    });
  }

  it('refuses a postrotate that ends its own block (V13)', () => {
    const script = 'true\n  endscript\n}\n/etc/passwd {';
    assert.throws(() => renderConfig([rotation({ postrotate: script })], '/'), LogrotateConfigProblem);
  });
});

describe('the choice of the configuration', () => {
  const rotate = [{ paths: ['a.log'] }];

  it('prefers the option, then logs.config, then logs.rotate, then the system', () => {
    const choose = (settings: object, option?: string) =>
      chooseConfig(option, configuration(settings, '/srv'), '/memory').file;
    assert.equal(choose({ rotate, config: 'c.conf' }, 'o.conf'), path.resolve('o.conf'));
    assert.equal(choose({ rotate, config: 'c.conf' }), '/srv/c.conf');
    assert.equal(choose({ rotate }), '/memory/logrotate.conf');
    assert.equal(choose({}), '/etc/logrotate.conf');
  });

  it("knows the files that the system's own timer uses", () => {
    const system = (config: string) => chooseConfig(config, configuration({}, '/'), '/memory').system;
    assert.equal(system('/etc/logrotate.conf'), true);
    assert.equal(system('/etc/logrotate.d/nginx'), true);
    assert.equal(system('/srv/logrotate.conf'), false);
  });
});
