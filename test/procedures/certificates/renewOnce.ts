/** A program: one renewal with deployment, of the settings and in the world of the file `argv[2]`. */
import { readFileSync } from 'node:fs';
import { renewCertificate } from '../../../agent/procedures/certificates/renewCertificate.ts';
import { perform } from './harness.ts';

const given = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as {
  readonly options: Record<string, unknown>;
  readonly settings: Record<string, unknown>;
  readonly memoryDirectory: string;
};
const { memoryDirectory } = given;
const env = { PATH: process.env['PATH'], PYTHONPATH: process.env['PYTHONPATH'] };
const world = { env, memoryDirectory, now: () => new Date() };
const { outcome } = await perform(renewCertificate, given.options, given.settings, world);
process.stdout.write(outcome);
