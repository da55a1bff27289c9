/** Every text that a person can write into an option of any procedure, or into the file that one works on: it stays text. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { optionsJsonSchema } from '../../agent/procedures/describe.ts';
import { procedures } from '../../agent/procedures/index.ts';
import { optionKeyToFlag } from '../../agent/procedures/options.ts';
import { withFolder } from '../config/harness.ts';
import { runCommands, type GivenCommand } from '../cli/commands.ts';

const harmless = 'harmless';
const hostile = [
  '; touch pwned',
  '$(touch pwned)',
  '`touch pwned`',
  '| touch pwned',
  "'; touch pwned; '",
  '"; touch pwned; "',
  'a\ntouch pwned\n',
  'a\0touch pwned',
  '\\! touch pwned',
  '${IFS}touch${IFS}pwned',
  '-rf',
  '--',
  '--help',
  '-oProxyCommand=touch pwned',
  '*',
  '@/etc/passwd',
];

/** Each call of these is written down; then the real one does the work, where there is one. */
const programs = ['docker', 'logrotate', 'openssl', 'pg_repack', 'pgrep', 'psql', 'stat', 'systemctl', 'timedatectl'];

const schema = z.object({
  properties: z
    .record(z.string(), z.object({ type: z.string(), items: z.object({ type: z.string() }).optional() }))
    .default({}),
});

/** Each option of each procedure that takes text, whatever comes into the registry later. */
const textOptions = [...new Set(procedures.values())].flatMap((procedure) =>
  Object.entries(schema.parse(optionsJsonSchema(procedure)).properties)
    .filter(([, { type, items }]) => type === 'string' || items?.type === 'string')
    .map(([key, { type }]) => ({ name: procedure.name, key, list: type === 'array' })),
);

interface Ended {
  readonly code: number;
  readonly text: string;
  /** The command lines of the programs that were called. */
  readonly calls: readonly string[];
}

/** Runs each command by itself, all of them in one process whose programs tell how they are called. */
async function runAll(folder: string, commands: readonly GivenCommand[]): Promise<readonly Ended[]> {
  const [bin, work, calls] = [join(folder, 'bin'), join(folder, 'work', 'here'), join(folder, 'calls')];
  const path = process.env['PATH'] ?? '';
  mkdirSync(bin);
  mkdirSync(work, { recursive: true });
  for (const program of programs) {
    const real = `PATH='${path}:/usr/sbin'; command -v ${program} > /dev/null && exec ${program} "$@"; exit 1`;
    const note = `{ printf '<%s>' ${program} "$@"; printf '\\1'; } >> '${calls}'`;
    writeFileSync(join(bin, program), `#!/bin/sh\n${note}\n${real}\n`, { mode: 0o755 });
  }
  const all = await runCommands(commands, {
    folder,
    cwd: work,
    env: { PATH: `${bin}:${path}`, HOME: folder, TMPDIR: folder, UPKEEP_STATE: join(folder, 'state') },
  });
  return all.map((one) => ({
    ...one,
    // Temporary files have a name of their own each time.
    calls: one.calls
      .split('\u0001')
      .filter((call) => call !== '')
      .map((call) => call.replaceAll(/(?<=upkeep-[a-z-]+-)\w{6}\b/g, 'XXXXXX')),
  }));
}

/** A field of maintenance.yaml that may hold any of these texts, and the procedure that works with it. */
interface Field {
  readonly procedure: string;
  readonly sections: (texts: readonly string[]) => Readonly<Record<string, unknown>>;
  /** The texts are put into one file, for each look takes a while; otherwise each has a file of its own. */
  readonly together?: true;
}

type Part = Readonly<Record<string, unknown>>;
const services: readonly ((text: string) => Part)[] = [
  (text) => ({ name: text, tcp: '127.0.0.1:1' }),
  (text) => ({ unit: text }),
  (text) => ({ process: text }),
  (text) => ({ container: text }),
  (text) => ({ tcp: `${text}:1` }),
  (text) => ({ http: `http://127.0.0.1:1/${text}` }),
  (text) => ({ http: 'https://127.0.0.1:1/', ca: text }),
];
const certificate = (part: (text: string) => Part): Field => ({
  procedure: 'check-certificates',
  sections: ([text = '']) => ({ certificates: part(text) }),
});
const database = (part: (text: string) => Part): Field => ({
  procedure: 'database-daily-maintenance',
  sections: ([text = '']) => ({ databases: [{ name: 'one', url: 'postgres://u@127.0.0.1:1/d', ...part(text) }] }),
});
const logs = (part: (text: string) => Part): Field => ({
  procedure: 'rotate-logs',
  sections: ([text = '']) => ({ logs: part(text) }),
});

const fields: Readonly<Record<string, Field>> = {
  services: {
    procedure: 'health-check',
    sections: (texts) => ({
      health: {
        services: texts.flatMap((text) => services.map((part, index) => ({ name: `${index}`, ...part(text) }))),
      },
    }),
    together: true,
  },
  'log file': logs((text) => ({ rotate: [{ paths: [text] }] })),
  'configuration of logrotate': logs((text) => ({ config: text })),
  'state of logrotate': logs((text) => ({ rotate: [{ paths: ['none.log'] }], state: text })),
  'certificate file': certificate((text) => ({ paths: [text] })),
  'certificate domain': certificate((text) => ({ endpoints: [`${text}:1`], timeout: '1s' })),
  'certificate authority': certificate((text) => ({ paths: ['none.pem'], ca: text })),
  'password of a key': certificate((text) => ({ paths: ['none.p12'], password: text })),
  'name of a database': database((text) => ({ name: text })),
  'host of a database': database((text) => ({ url: `postgres://u@${text}:1/d` })),
  'user and database on the server': database((text) => ({ url: `postgres://${text}@127.0.0.1:1/${text}` })),
};

/** JSON is YAML; `$${` is how the file writes `${` where no variable is meant. */
function fileWith(sections: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ maintenance: sections }).replaceAll('${', () => '$${');
}

/** Nothing was executed, and every program was called as with a harmless text, but for that text. */
function judge(
  folder: string,
  title: string,
  texts: readonly string[],
  one: Ended | undefined,
  usual: Ended | undefined,
): void {
  assert.ok(one !== undefined && usual !== undefined);
  assert.ok([0, 1, 2].includes(one.code), `${title} ended with ${one.code}: ${one.text}`);
  assert.doesNotMatch(one.text, /\bat \S+ \(.*:\d+:\d+\)|TypeError|ReferenceError/, title);
  const expected = new Set(texts.flatMap((text) => usual.calls.map((call) => call.replaceAll(harmless, () => text))));
  for (const call of one.calls) assert.ok(expected.has(call), `${title} called ${JSON.stringify(call)}`);
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  assert.deepEqual(
    names.filter((name) => /(?:^|\/)pwned$/.test(name)),
    [],
    title,
  );
}

describe('hostile text in every option', function () {
  this.timeout(120_000);

  it('V12: takes no option that a procedure does not name', () => {
    const unknown = [
      'uid',
      'gid',
      'user',
      'shell',
      'env',
      'cwd',
      'detached',
      'NODE_OPTIONS',
      'LD_PRELOAD',
      'constructor',
    ];
    for (const { name, options } of procedures.values()) {
      for (const key of unknown) {
        const { error } = options.safeParse({ [key]: key === 'env' ? { LD_PRELOAD: '/x.so' } : '0' });
        const codes = error?.issues.map((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : [])).flat();
        assert.ok(codes?.includes(key), `${name} ${key}`);
      }
    }
  });

  it('V13: reaches a program as one argument or is refused, by the command line and from an agent', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'maintenance.yaml');
      const databases = [{ name: harmless, url: 'postgres://u@127.0.0.1:1/d' }];
      writeFileSync(file, fileWith({ databases, logs: { rotate: [{ paths: [join(folder, 'none.log')] }] } }));
      const commands = textOptions.flatMap(({ name, key, list }) =>
        [harmless, ...hostile].flatMap((text): GivenCommand[] => [
          { argv: [name, '--config', file, '--dry-run', optionKeyToFlag(key), text] },
          { argv: [name, '--config', file, '--dry-run', '--options-env'], options: { [key]: list ? [text] : text } },
        ]),
      );
      const all = await runAll(folder, commands);
      const perOption = 2 * (1 + hostile.length);
      for (const [index, { name, key }] of textOptions.entries()) {
        for (const [number, text] of hostile.entries()) {
          for (const way of [0, 1]) {
            const one = all[index * perOption + 2 * (number + 1) + way];
            judge(folder, `${name} ${key} ${JSON.stringify(text)}`, [text], one, all[index * perOption + way]);
          }
        }
      }
      assert.ok(all.flatMap(({ calls }) => calls).length > 0);
    });
  });

  it('V13: stays text in every field of the file', async () => {
    await withFolder(async (folder) => {
      const alone = [harmless, ...hostile].map((text) => [text]);
      const files = Object.entries(fields).flatMap(([field, { procedure, sections, together }]) =>
        (together ? [[harmless], hostile] : alone).map((texts) => ({
          field,
          procedure,
          texts,
          text: fileWith(sections(texts)),
        })),
      );
      const commands = files.map(({ procedure, text }, index): GivenCommand => {
        const file = join(folder, `${index}.yaml`);
        writeFileSync(file, text);
        return { argv: [procedure, '--config', file, '--dry-run'] };
      });
      const all = await runAll(folder, commands);
      for (const [index, { field, texts }] of files.entries()) {
        const usual = files.findIndex((file) => file.field === field);
        if (index > usual) judge(folder, `${field} ${JSON.stringify(texts[0])}`, texts, all[index], all[usual]);
      }
    });
  });
});
