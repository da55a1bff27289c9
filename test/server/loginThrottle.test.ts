import assert from 'node:assert/strict';
import { LoginThrottle } from '../../agent/server/loginThrottle.ts';

describe('the throttle of failed logins', () => {
  let now: number;
  let throttle: LoginThrottle;
  beforeEach(() => {
    now = 1000;
    throttle = new LoginThrottle({ now: () => now });
  });

  const fail = (times: number, address = '192.0.2.1'): void => {
    for (let count = 0; count < times; count += 1) throttle.failed(address);
  };

  it('lets some attempts pass, then doubles the wait up to a minute', () => {
    fail(5);
    assert.equal(throttle.waitOf('192.0.2.1'), 0);
    const waits: number[] = [];
    for (let count = 0; count < 9; count += 1) {
      fail(1);
      waits.push(throttle.waitOf('192.0.2.1') / 1000);
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it('lets an address try again when its time is up, and blocks it longer when it fails again', () => {
    fail(6);
    now += 999;
    assert.equal(throttle.waitOf('192.0.2.1'), 1);
    now += 1;
    assert.equal(throttle.waitOf('192.0.2.1'), 0);
    fail(1);
    assert.equal(throttle.waitOf('192.0.2.1'), 2000);
  });

  it('does not touch other addresses', () => {
    fail(20);
    assert.equal(throttle.waitOf('192.0.2.2'), 0);
    assert.equal(throttle.waitOf('2001:db8::1'), 0);
  });

  it('takes the addresses of an IPv6 /64 for one', () => {
    fail(10, '2001:db8:0:1::1');
    assert.ok(throttle.waitOf('2001:db8:0:1:ffff:ffff:ffff:ffff') > 0);
    assert.equal(throttle.waitOf('2001:db8:0:2::1'), 0);
    fail(10, '::1');
    assert.ok(throttle.waitOf('0:0:0:0:0:0:0:1') > 0);
  });

  it('forgets failures after a success and after a quarter of an hour', () => {
    fail(10);
    throttle.succeeded('192.0.2.1');
    fail(5);
    assert.equal(throttle.waitOf('192.0.2.1'), 0);
    now += 15 * 60_000;
    fail(5);
    assert.equal(throttle.waitOf('192.0.2.1'), 0);
  });

  it('remembers a bounded number of addresses, dropping the oldest', () => {
    fail(6, '192.0.2.1');
    for (let count = 0; count < 10_000; count += 1) throttle.failed(`198.51.${count >> 8}.${count & 255}`);
    assert.equal(throttle.waitOf('192.0.2.1'), 0);
  });
});
