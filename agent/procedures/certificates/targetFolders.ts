/** The folders of a service into which files are to be deployed: looked at before anything is touched, in a dry run too. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../../thrown.ts';
import { plain } from './names.ts';
import { obstacleTo, thisUser } from './obstacle.ts';

/** Throws the end of a sentence when one of the folders of `paths` is not there, is none, or is closed to this user. */
export function checkTargetFolders(paths: readonly string[]): void {
  for (const folder of new Set(paths.map((path) => dirname(path)))) {
    const problem = problemOf(folder);
    if (problem !== null) throw new Error(plain(problem));
  }
}

function problemOf(folder: string): string | null {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(folder).isDirectory();
  } catch (error) {
    const code = codeOf(error);
    const closed = code === 'EACCES' ? obstacleTo(folder) : null;
    if (closed !== null) return `${closed}, on the way to ${folder}; give that user access`;
    if (code === 'ENOENT') return `there is no folder ${folder}; create it, or correct certificates.deploy`;
    return `the folder ${folder} can not be used (${code}); correct certificates.deploy`;
  }
  if (!isDirectory) return `${folder} is no folder; correct certificates.deploy`;
  try {
    // A file is replaced by renaming another one over it, which is a write into its folder.
    accessSync(folder, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    if (codeOf(error) === 'EROFS')
      return `the file system of ${folder} is read-only; look why (dmesg, /etc/fstab), or correct certificates.deploy`;
    return `${thisUser()} may not write into the folder ${folder}; give that user access, or run it as one who has it`;
  }
}
