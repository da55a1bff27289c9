import assert from 'node:assert/strict';
import { lackOfRole, permissionWords, permits } from '../../../extension/state/permissions.ts';

describe('permissions', () => {
  it('follow the table of methods; nothing is permitted while the role is not known', () => {
    assert.equal(permits('viewer', 'tasks.run'), false);
    assert.equal(permits('operator', 'tasks.run'), true);
    assert.equal(permits('operator', 'procedures.run'), false);
    assert.equal(permits('admin', 'procedures.run'), true);
    assert.equal(permits(null, 'runs.list'), false);
  });

  it('are words for menus', () => {
    assert.deepEqual(
      [null, 'viewer', 'operator', 'admin'].map((role) => permissionWords(role as 'admin').join(' ')),
      ['', '', 'operate', 'operate administer'],
    );
  });

  it('say what is missing', () => {
    assert.equal(lackOfRole('db-01', 'viewer', 'tasks.run'), 'on db-01 this needs the role operator; yours is viewer');
    assert.match(lackOfRole('db-01', null, 'tasks.run'), /not known while it is not connected$/);
  });
});
