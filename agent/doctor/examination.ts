/** The whole examination: every look, in the order in which one would mend things. */
import type { AnyProcedure } from '../procedures/define.ts';
import type { Finding } from '../protocol/nouns.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { lockHolder } from '../store/stateLock.ts';
import { messageOf } from '../thrown.ts';
import { lookAtCertificate } from './certificate.ts';
import { loadForDoctor, lookAtScripts } from './configuration.ts';
import { lookAtClock, lookAtService } from './host.ts';
import { found, type Look, type Place } from './place.ts';
import { lookAtNode, lookAtTools } from './program.ts';
import { lookAtAgent, lookAtPort } from './running.ts';
import { lookAtState, lookAtStore, lookAtWatches } from './state.ts';

const looks: readonly Look[] = [
  lookAtNode,
  lookAtState,
  lookAtStore,
  lookAtWatches,
  lookAtScripts,
  lookAtTools,
  lookAtAgent,
  lookAtPort,
  lookAtCertificate,
  lookAtService,
  lookAtClock,
];

export async function examineInstallation(
  where: Omit<Place, 'config' | 'holder'>,
  procedures: ReadonlyMap<string, AnyProcedure>,
  secrets: Secrets,
): Promise<readonly Finding[]> {
  const { config, findings } = loadForDoctor(where.configFile, where.environment, procedures, secrets);
  const place: Place = { ...where, config, holder: lockHolder(where.stateDirectory) };
  const all: Finding[] = [...findings];
  for (const look of looks) {
    try {
      all.push(...(await look(place)));
    } catch (error) {
      all.push(found('warning', 'look', look.name, `this could not be looked at: ${messageOf(error)}`));
    }
  }
  return all;
}
