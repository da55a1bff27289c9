/** The file of further authorities that are trusted: `certificates.ca` or `--ca`. */
import { resolve } from 'node:path';
import { reasonOf } from '../../config/reason.ts';
import type { ProcedureContext } from '../define.ts';
import { pemBlocks } from './pem.ts';
import { readRegularFile } from './regularFile.ts';

/** Its PEM text; undefined when none is named. Throws one sentence when it can not be used. */
export async function authoritiesOf(
  given: string | undefined,
  { config }: Pick<ProcedureContext, 'config'>,
): Promise<string | undefined> {
  const file = given === undefined ? config.certificates.ca : resolve(given);
  if (file === undefined) return undefined;
  let text;
  try {
    text = (await readRegularFile(file)).bytes.toString('latin1');
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new Error(
      `The authorities ${file} can not be read (${reason}); correct certificates.ca or --ca, or their rights.`,
      { cause },
    );
  }
  if (![...pemBlocks(text)].some((block) => block.label.endsWith('CERTIFICATE'))) {
    throw new Error(`The authorities ${file} hold no PEM certificate; correct certificates.ca or --ca.`);
  }
  return text;
}
