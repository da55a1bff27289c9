import assert from 'node:assert/strict';
import { DashboardSession } from '../../../extension/dashboard/dashboardSession.ts';
import { Emitter } from '../../../extension/client/emitter.ts';
import type { HostView } from '../../../extension/state/host.ts';
import type { Command, Dashboard } from '../../../webview/dashboardSchema.ts';
import { makeHost, now } from '../nouns.ts';

/** A page that keeps what it is sent, and hosts that can change. */
function harness(selected: string | null = null) {
  const changed = new Emitter<undefined>();
  const posted: Dashboard[] = [];
  const commands: Command[] = [];
  const logged: string[] = [];
  const waiting: (() => void)[] = [];
  const world = {
    hosts: [makeHost({}, { name: 'db-01' }), makeHost({}, { name: 'db-02' })] as HostView[],
    visible: true,
  };
  const session = new DashboardSession(
    {
      hosts: {
        views: () => world.hosts,
        onDidChange: (listener) => changed.on(listener),
        listRuns: () => Promise.resolve({ runs: [] }),
      },
      page: {
        post: (message) => {
          posted.push(message.dashboard);
          for (const resolve of waiting.splice(0)) resolve();
        },
        isVisible: () => world.visible,
      },
      run: (command) => void commands.push(command),
      log: {
        info: () => undefined,
        debug: () => undefined,
        warn: (text) => void logged.push(text),
        error: (text) => void logged.push(text),
      },
      now: () => now,
    },
    selected,
  );
  /** The next dashboard that the page gets. */
  const next = async (): Promise<Dashboard | undefined> => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return posted.at(-1);
  };
  const change = (): void => {
    changed.fire(undefined);
  };
  return { session, world, posted, commands, logged, changed, next, change };
}

describe('DashboardSession', () => {
  it('sends nothing before the page is ready, then at once', () => {
    const { session, posted, change } = harness();
    change();
    session.visibilityChanged();
    assert.equal(posted.length, 0);
    session.receive({ type: 'ready' });
    assert.equal(posted.length, 1);
    session.dispose();
  });

  it('begins with the given host and shows the one that the page chooses', async () => {
    const { session, posted, next } = harness('db-02');
    session.receive({ type: 'ready' });
    assert.equal(posted[0]?.selected, 'db-02');
    const after = next();
    session.receive({ type: 'selectHost', host: 'db-01' });
    assert.equal((await after)?.selected, 'db-01');
    session.dispose();
  });

  it('gathers changes into one message', async () => {
    const { session, world, posted, next, change } = harness();
    session.receive({ type: 'ready' });
    const after = next();
    for (let time = 0; time < 50; time += 1) change();
    world.hosts = [makeHost({}, { name: 'new' })];
    assert.equal((await after)?.selected, 'new');
    assert.equal(posted.length, 2);
    session.dispose();
  });

  it('leaves a hidden page alone and brings it up to date when it is shown', async () => {
    const { session, world, posted, next, change } = harness();
    session.receive({ type: 'ready' });
    world.visible = false;
    change();
    session.select('db-02');
    world.visible = true;
    const after = next();
    session.visibilityChanged();
    assert.equal((await after)?.selected, 'db-02');
    assert.equal(posted.length, 2);
    session.dispose();
  });

  it('passes commands on, and what went wrong in the page to the log', () => {
    const { session, commands, logged } = harness();
    session.receive({ type: 'command', command: { name: 'openOutput', host: 'db-01', runId: 'run-1' } });
    session.receive({ type: 'problem', message: 'x is not a function\u202E' });
    assert.deepEqual(commands, [{ name: 'openOutput', host: 'db-01', runId: 'run-1' }]);
    assert.deepEqual(logged, ['dashboard: x is not a function⟨U+202E⟩']);
    session.dispose();
  });

  it('refuses messages that it does not know, and runs nothing of them', () => {
    const { session, commands, logged } = harness();
    const evil = [
      null,
      'ready',
      { type: 'command', command: { name: 'workbench.action.terminal.new' } },
      { type: 'command', command: { name: 'openOutput', host: 'db-01' } },
      { type: 'command', command: { name: 'showView', view: 'constructor' } },
      { type: 'command', command: { name: 'startWindow', host: { toString: 'x' } } },
      { type: 'command', command: { name: 'addHost', extra: 'argument' } },
      { type: '__proto__' },
    ];
    for (const message of evil) session.receive(message);
    assert.deepEqual(commands, []);
    assert.equal(logged.length, evil.length);
    session.dispose();
  });

  it('lets go of the hosts when it is disposed', () => {
    const { session, changed, posted, change } = harness();
    session.receive({ type: 'ready' });
    session.dispose();
    change();
    session.visibilityChanged();
    assert.equal(changed.listenerCount, 0);
    assert.equal(posted.length, 1);
  });
});
