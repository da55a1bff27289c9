import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import {
  commandIds,
  commandsThatNeedTrust,
  contextKeys,
  settingIds,
  viewIds,
  walkthroughId,
  type CommandName,
} from '../../extension/ids.ts';

const root = join(import.meta.dirname, '..', '..');
const menuItem = z.object({ command: z.string(), when: z.string().optional() });
const manifest = z
  .object({
    icon: z.string(),
    contributes: z.object({
      commands: z.array(
        z.object({
          command: z.string(),
          title: z.string(),
          category: z.string(),
          icon: z.string(),
          enablement: z.string().optional(),
        }),
      ),
      views: z.record(z.string(), z.array(z.object({ id: z.string(), icon: z.string() }))),
      viewsContainers: z.object({ activitybar: z.array(z.object({ id: z.string(), icon: z.string() })) }),
      viewsWelcome: z.array(z.object({ view: z.string(), contents: z.string(), when: z.string().optional() })),
      menus: z.record(z.string(), z.array(menuItem)),
      yamlValidation: z.array(z.object({ fileMatch: z.array(z.string()), url: z.string() })),
      configuration: z.object({ properties: z.record(z.string(), z.looseObject({})) }),
      walkthroughs: z.array(
        z.object({
          id: z.string(),
          steps: z.array(z.object({ description: z.string(), media: z.object({ svg: z.string() }) })),
        }),
      ),
    }),
    capabilities: z.object({ untrustedWorkspaces: z.object({ restrictedConfigurations: z.array(z.string()) }) }),
  })
  .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
const { contributes } = manifest;
/** These need no role: a block names its host itself, or asks, and the configuration is a file of the workspace. */
const anyone = new Set<CommandName>(['runBlock', 'createConfiguration']);
const sorted = (values: Iterable<string>): string[] => [...values].sort();
const declared = new Map(contributes.commands.map((command) => [command.command, command]));

describe('ids and package.json', () => {
  it('name the same commands, views and settings', () => {
    const views = Object.values(contributes.views).flatMap((list) => list.map((view) => view.id));
    assert.deepEqual(sorted(declared.keys()), sorted(Object.values(commandIds)));
    assert.deepEqual(sorted(views), sorted(Object.values(viewIds)));
    assert.deepEqual(sorted(Object.keys(contributes.configuration.properties)), sorted(Object.values(settingIds)));
    assert.equal(contributes.walkthroughs[0]?.id, walkthroughId);
  });

  it('have no more than the five views that one container may hold', () => {
    assert.ok(Object.keys(viewIds).length <= 5);
  });

  it('title every command in title case, with category and icon', () => {
    for (const { title, category } of declared.values()) {
      assert.equal(category, 'Upkeep');
      assert.match(title, /^[A-Z][a-z]+(?: [A-Z][a-z]+)*…?$/);
    }
  });

  it('disable in an untrusted workspace what the code refuses there', () => {
    const disabled = [...declared.values()].filter((command) => command.enablement?.includes('isWorkspaceTrusted'));
    assert.deepEqual(
      sorted(disabled.map((command) => command.command)),
      sorted([...commandsThatNeedTrust].map((name) => commandIds[name])),
    );
  });

  it('refer only to commands that exist, in menus, welcome texts and the walkthrough', () => {
    const inMenus = Object.values(contributes.menus).flatMap((items) => items.map((item) => item.command));
    const texts = [
      ...contributes.viewsWelcome.map((welcome) => welcome.contents),
      ...contributes.walkthroughs.flatMap((walkthrough) => walkthrough.steps.map((step) => step.description)),
    ];
    const inTexts = texts.flatMap((text) =>
      [...text.matchAll(/command:(upkeep\.\w+)/g)].map((match) => match[1] ?? ''),
    );
    for (const command of [...inMenus, ...inTexts]) assert.ok(declared.has(command), `no command ${command}`);
  });

  it('use only context keys that the code sets', () => {
    const conditions = [...Object.values(contributes.menus).flat(), ...contributes.viewsWelcome].map(
      (one) => one.when ?? '',
    );
    const known = new Set<string>([...Object.values(contextKeys), ...Object.values(viewIds)]);
    for (const key of conditions.flatMap((when) => when.match(/upkeep\.\w+/g) ?? []))
      assert.ok(known.has(key), `nobody sets ${key}`);
  });

  it('name pictures that are there', () => {
    const files = [
      manifest.icon,
      ...Object.values(contributes.views).flatMap((list) => list.map((view) => view.icon)),
      ...contributes.viewsContainers.activitybar.map((container) => container.icon),
      ...contributes.walkthroughs.flatMap((walkthrough) => walkthrough.steps.map((step) => step.media.svg)),
    ];
    for (const file of files) assert.ok(existsSync(join(root, file)), `${file} is missing`);
  });

  it('give the schema that the build writes to maintenance.yaml, and pack it', () => {
    const [schema] = contributes.yamlValidation;
    assert.deepEqual(schema, {
      fileMatch: ['maintenance.yaml', 'maintenance.yml'],
      url: './dist/maintenance.schema.json',
    });
    assert.match(readFileSync(join(root, 'esbuild.mjs'), 'utf8'), /writeFileSync\('dist\/maintenance\.schema\.json'/);
    assert.match(readFileSync(join(root, '.vscodeignore'), 'utf8'), /^!dist\/maintenance\.schema\.json$/m);
  });

  it('offer a command that acts on a host only to those whose role suffices', () => {
    const acting = new Set(
      [...commandsThatNeedTrust].filter((name) => !anyone.has(name)).map((name) => commandIds[name]),
    );
    const offers = Object.entries(contributes.menus).flatMap(([menu, items]) =>
      items.map((item) => ({ menu, ...item })),
    );
    for (const { menu, command, when = '' } of offers.filter((offer) => acting.has(offer.command as never))) {
      const role = menu === 'view/item/context' ? /\\b(operate|administer)\\b/ : /upkeep\.can(Operate|Administer)/;
      assert.match(when, role, `${menu} ${command}`);
    }
  });

  it('V19: let no workspace name hosts, and none that is not trusted name programs, files or folders', () => {
    const restricted = new Set(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations);
    // Neither says where to connect nor what is read or run.
    const harmless = new Set<string>([settingIds.notifications, settingIds.runbooksCodeLens]);
    for (const [id, { scope }] of Object.entries(contributes.configuration.properties)) {
      const beyondWorkspaces = scope === 'application' || scope === 'machine';
      assert.ok(beyondWorkspaces || restricted.has(id) || harmless.has(id), `${id} can be set by any workspace`);
    }
    assert.equal(contributes.configuration.properties[settingIds.hosts]?.['scope'], 'application');
  });

  it('restrict settings that exist', () => {
    for (const setting of manifest.capabilities.untrustedWorkspaces.restrictedConfigurations)
      assert.ok(setting in contributes.configuration.properties, setting);
  });
});
