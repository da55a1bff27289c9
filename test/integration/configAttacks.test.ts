/** Configurations that would grow without end, given to a real agent at its start and while it runs. */
import assert from 'node:assert/strict';
import { AgentWorld } from './agentProcess.ts';
import { MemoryWatch, peakMegabytes } from './memory.ts';

const nested = (first: string, wrap: (inner: string) => string, levels: number): string =>
  Array.from({ length: levels }, (_, level) => {
    const inner = level === 0 ? first : wrap(`*l${level - 1} `);
    return `  x-${level}: &l${level} ${inner}\n`;
  }).join('');

const bombs: Readonly<Record<string, string>> = {
  'billion laughs': `maintenance:\n${nested('[lol]', (inner) => `[${Array<string>(9).fill(inner).join(',')}]`, 12)}`,
  'merge keys': `maintenance:\n${nested('{a: 1}', (inner) => `{<<: [${inner}, ${inner}]}`, 30)}`,
  nesting: '['.repeat(200_000),
  'ten megabytes': `maintenance: {x-a: "${'y'.repeat(10 * 1024 * 1024)}"}\n`,
};
const plain = 'maintenance: {}\n';

describe('configurations of attackers', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
  });
  afterEach(async () => {
    await world.dispose();
  });

  it('V25: are refused while the agent runs, which grows by less than 100 MB and keeps the last good one', async () => {
    world.write(plain);
    const { client, pid } = await world.start();
    const { config: good } = await client.request('snapshot', {});
    const memory = new MemoryWatch(pid);
    for (const [what, text] of Object.entries(bombs)) {
      world.write(text);
      const { config } = await client.request('config.reload', {});
      assert.deepEqual([config.stale, config.revision], [true, good.revision], what);
      assert.ok(
        config.diagnostics.some(({ severity, line }) => severity === 'error' && line >= 1),
        what,
      );
    }
    console.log(`      reloads: +${memory.growth().toFixed(0)} MB`);
    assert.ok(memory.growth() < 100);
    world.write(plain);
    assert.equal((await client.request('config.reload', {})).config.stale, false);
  });

  it('V25: do not keep the agent from starting, within 100 MB of what it takes otherwise', async () => {
    world.write(plain);
    const usual = await world.start();
    const baseline = peakMegabytes(usual.pid);
    await usual.stop();
    for (const [what, text] of Object.entries(bombs)) {
      world.write(text);
      const agent = await world.start();
      const { config } = await agent.client.request('snapshot', {});
      assert.ok(
        config.diagnostics.some(({ severity }) => severity === 'error'),
        what,
      );
      assert.ok(peakMegabytes(agent.pid) - baseline < 100, what);
      await agent.stop();
    }
  });
});
