/** The words of system errors, for messages that name the file themselves. */
import { getSystemErrorMessage } from 'node:util';

/** `permission denied` for EACCES and so on; the message of any other error; never a stack. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('errno' in error && typeof error.errno === 'number') return getSystemErrorMessage(error.errno);
  return error.message;
}
