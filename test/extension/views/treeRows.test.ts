import assert from 'node:assert/strict';
import { certificatesModel } from '../../../extension/views/certificatesModel.ts';
import { healthModel } from '../../../extension/views/healthModel.ts';
import { maintenanceModel } from '../../../extension/views/maintenanceModel.ts';
import type { TreeNode } from '../../../extension/views/node.ts';
import { runbooksModel } from '../../../extension/views/runbooksModel.ts';
import { tasksModel } from '../../../extension/views/tasksModel.ts';
import { Rows, type Row } from '../../../extension/views/treeRows.ts';
import { hostileHost } from '../hostileTexts.ts';
import { ahead, makeCertificate, makeHost, makeReport, now } from '../nouns.ts';

function node(id: string, fields: Partial<TreeNode> = {}): TreeNode {
  return {
    id,
    label: id,
    icon: 'dash',
    tone: 'none',
    context: 'detail',
    target: { kind: 'text', text: id },
    ...fields,
  };
}

/** VS Code's part: it asks for rows and what they show, and again for those that are to be drawn again. */
class Viewer {
  nodes: readonly TreeNode[] = [];
  words = '';
  now = now;
  readonly rows = new Rows(
    () => this.nodes,
    ({ context }) => `${context} ${this.words}`.trim(),
  );

  constructor(...nodes: readonly TreeNode[]) {
    this.nodes = nodes;
    this.open(null);
  }

  open(parent: Row | null, depth = Infinity): readonly Row[] {
    const rows = this.rows.list(parent);
    for (const row of rows) {
      this.rows.give(row);
      if (depth > 0 && row.node.children !== undefined) this.open(row, depth - 1);
    }
    return rows;
  }

  row(id: string): Row {
    return this.rows.find(id) ?? assert.fail(`no row ${id}`);
  }

  /** Ids of what is drawn again, after these are the nodes. */
  draw(...nodes: readonly TreeNode[]): readonly string[] | 'all' {
    this.nodes = nodes;
    const changes = this.rows.changes(this.now);
    if (changes === 'all') this.open(null);
    else
      for (const row of changes) {
        this.rows.give(row);
        if (row.node.children !== undefined) this.open(row);
      }
    return changes === 'all' ? 'all' : changes.map((row) => row.node.id);
  }
}

const parent = (id: string, ...children: readonly TreeNode[]): TreeNode => node(id, { children: () => children });

describe('Rows', () => {
  it('draws nothing again when the same is shown, however often it is looked at', () => {
    const viewer = new Viewer(parent('a', node('a/1')), node('b'));
    assert.deepEqual(viewer.draw(parent('a', node('a/1')), node('b')), []);
    assert.deepEqual(viewer.draw(parent('a', node('a/1')), node('b')), []);
  });

  for (const [what, fields] of Object.entries({
    label: { label: 'other' },
    description: { description: 'other' },
    icon: { icon: 'error' },
    colour: { tone: 'bad' },
    'coloured label': { highlighted: true },
    'spoken text': { spoken: 'other' },
    'words for menus': { context: 'other' },
    click: { action: 'openOutput' },
    'rows below': { children: () => [] },
  } satisfies Record<string, Partial<TreeNode>>))
    it(`draws a row again when its ${what} has changed, and no other one`, () => {
      const viewer = new Viewer(parent('a', node('a/1'), node('a/2')), node('b'));
      assert.deepEqual(viewer.draw(parent('a', node('a/1', fields), node('a/2')), node('b')), ['a/1']);
      assert.deepEqual(viewer.draw(parent('a', node('a/1', fields), node('a/2')), node('b')), []);
    });

  it('draws all again when the role of the person has changed', () => {
    const viewer = new Viewer(node('a'), node('b'));
    viewer.words = 'operate';
    assert.deepEqual(viewer.draw(node('a'), node('b')), ['a', 'b']);
  });

  it('draws a row again with all below it when rows below it come, go or change places', () => {
    const viewer = new Viewer(parent('a', node('a/1'), node('a/2')), node('b'));
    assert.deepEqual(viewer.draw(parent('a', node('a/2'), node('a/1')), node('b')), ['a']);
    assert.deepEqual(viewer.draw(parent('a', node('a/2')), node('b')), ['a']);
    assert.deepEqual(viewer.draw(parent('a', node('a/2'), node('a/3')), node('b')), ['a']);
    assert.deepEqual(viewer.draw(parent('a', node('a/2'), node('a/3')), node('b')), []);
  });

  it('draws the whole view again when its top level has changed, or a row has moved from one place to another', () => {
    const viewer = new Viewer(parent('a', parent('x', node('y'))), parent('b', node('z')), parent('c'));
    assert.equal(viewer.draw(parent('a', parent('x', node('y'))), parent('b', node('z'))), 'all');
    assert.equal(viewer.draw(parent('a'), parent('b', node('z'), node('y'))), 'all');
    assert.deepEqual(viewer.draw(parent('a', node('new')), parent('b', node('z'))), ['a', 'b']);
  });

  it('names a row once, although VS Code asks for its rows only when it is opened', () => {
    const viewer = new Viewer(parent('a', node('a/1')));
    viewer.nodes = [parent('a', node('a/1'), node('a/2'))];
    const changes = viewer.rows.changes(now);
    assert.ok(changes !== 'all');
    const [row, ...more] = changes;
    assert.ok(row !== undefined && more.length === 0);
    viewer.rows.give(row);
    assert.deepEqual(viewer.rows.changes(now), []);
    assert.deepEqual(
      viewer.open(row).map((below) => below.node.id),
      ['a/1', 'a/2'],
    );
  });

  it('leaves out rows that nobody has opened', () => {
    const viewer = new Viewer();
    viewer.nodes = [parent('a', node('a/1'))];
    viewer.open(null, 0);
    const opened: string[] = [];
    const watched = node('a', { children: () => (opened.push('a'), []) });
    assert.deepEqual(viewer.draw(watched), []);
    assert.deepEqual(opened, []);
  });

  it('gives commands the target of this moment, and keeps the row of an id, its parent too', () => {
    const viewer = new Viewer(parent('a', node('a/1')));
    const row = viewer.row('a/1');
    const target = { kind: 'text', text: 'newer' } as const;
    assert.deepEqual(viewer.draw(parent('a', node('a/1', { target }))), []);
    assert.equal(viewer.row('a/1'), row);
    assert.deepEqual(row.target, target);
    assert.equal(row.parent, viewer.row('a'));
    assert.equal(viewer.rows.find('a/2'), undefined);
  });

  it('leaves a tooltip to its reader for a minute, then draws its row again if it says something else', () => {
    const viewer = new Viewer(node('a', { tooltip: ['before'] }), node('b', { tooltip: ['same'] }));
    assert.deepEqual(viewer.rows.tell(viewer.row('a'), now), ['before']);
    viewer.rows.tell(viewer.row('b'), now);
    const after = [node('a', { tooltip: () => ['after'] }), node('b', { tooltip: ['same'] })] as const;
    viewer.now = new Date(now.getTime() + 59_000);
    assert.deepEqual(viewer.draw(...after), []);
    viewer.now = new Date(now.getTime() + 60_000);
    assert.deepEqual(viewer.draw(...after), ['a']);
    assert.deepEqual(viewer.draw(...after), []);
  });

  it('draws of certificates the one whose days left have changed, and none for a report that says the same', () => {
    const of = (daysLeft: number, at: string, moment: Date): readonly TreeNode[] => {
      const certificates = [
        makeCertificate({ source: '/a.pem', fingerprint: '01', notAfter: ahead(2.5 * 86_400_000) }),
        makeCertificate({ source: '/b.pem', fingerprint: '02', notAfter: ahead((daysLeft + 0.5) * 86_400_000) }),
      ];
      return certificatesModel([makeHost({ reports: [makeReport({ at, certificates })] })], moment);
    };
    const viewer = new Viewer(...of(90, '2026-03-01T11:00:00.000Z', now));
    for (const row of viewer.rows.list(null)) viewer.rows.tell(row, now);
    assert.deepEqual(viewer.draw(...of(90, '2026-03-01T11:59:00.000Z', new Date(now.getTime() + 50_000))), []);
    assert.deepEqual(viewer.draw(...of(91, '2026-03-01T11:59:00.000Z', now)), ['host/db-01/certificate/02']);
  });

  for (const [view, model] of Object.entries({
    Tasks: (moment: Date) => tasksModel([hostileHost('x')], moment),
    Health: (moment: Date) => healthModel([hostileHost('x')], moment),
    Certificates: (moment: Date) => certificatesModel([hostileHost('x')], moment),
    Maintenance: (moment: Date) => maintenanceModel([hostileHost('x')], moment),
    Runbooks: () => runbooksModel([hostileHost('x')], []),
  }))
    it(`keeps the tooltips of ${view} true for long, as none counts the time that has passed`, () => {
      const viewer = new Viewer(...model(now));
      const tell = (rows: readonly Row[]): void => {
        for (const row of rows) {
          viewer.rows.tell(row, now);
          tell([...row.below.rows.values()]);
        }
      };
      tell(viewer.rows.list(null));
      viewer.now = new Date(now.getTime() + 5 * 60_000);
      viewer.nodes = model(viewer.now);
      const drawn = viewer.rows.changes(viewer.now);
      assert.ok(drawn !== 'all');
      // Those whose row itself says the time are drawn for that.
      for (const { node: changed } of drawn)
        assert.match(`${changed.label} ${changed.description ?? ''}`, /\d (?:min|s)\b|ago|left|since/, changed.id);
    });
});
