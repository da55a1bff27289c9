/** The folder in which a procedure keeps what it must remember until its next run. */
import { makeFolders } from '../makeFolders.ts';
import { messageOf } from '../thrown.ts';
import type { ProcedureContext } from './define.ts';

/** Makes it (0700) before something is written there. Throws a sentence that says what to do where that can not be. */
export async function makeMemory(folder: ProcedureContext['memoryDirectory']): Promise<void> {
  try {
    await makeFolders(folder, 0o700);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new Error(
      `Nothing can be kept in ${folder} (${reason}); set UPKEEP_STATE to a folder that this user may write to.`,
      { cause },
    );
  }
}
