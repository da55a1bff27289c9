import assert from 'node:assert/strict';
import { InboundBudget, type Holder } from '../../agent/server/inbound.ts';

describe('memory that clients hold', () => {
  let cut: string[];
  let budget: InboundBudget;
  beforeEach(() => {
    cut = [];
    budget = new InboundBudget(100);
  });

  const holder = (name: string, actor = name): Holder => ({
    actor,
    cut: (code) => {
      cut.push(`${name} ${code}`);
    },
  });

  it('V09: is bounded for all connections together: of the actor that holds most, the largest goes', () => {
    const honest = holder('honest');
    const hostile = [1, 2, 3].map((index) => holder(`hostile-${index}`, 'hostile'));
    budget.change(honest, 40);
    hostile.forEach((one, index) => {
      budget.change(one, 10 + index * 10);
    });
    assert.deepEqual(cut, []);
    budget.change(honest, 1);
    assert.deepEqual(cut, ['hostile-3 policyViolation']);
  });

  it('V09: is free again when it was given back, or its holder has gone', () => {
    const [one, other] = [holder('one'), holder('other')];
    for (let round = 0; round < 10; round += 1) {
      budget.change(one, 90);
      budget.change(one, -90);
      budget.change(other, 90);
      budget.leave(other);
    }
    budget.change(one, -500);
    budget.change(one, 100);
    assert.deepEqual(cut, []);
    budget.change(one, 1);
    assert.deepEqual(cut, ['one policyViolation']);
  });
});
