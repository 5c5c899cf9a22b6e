import { chmodSync, lstatSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { errnoCode, errnoReason } from '../../config/errno.js';
import { RnetnsError } from '../../errors/error.js';
import { shellWord } from '../../exec/shell-word.js';
import { SCRIPTS } from '../../namespace/scripts.js';
import { writeAtomic } from '../../state/files.js';

const MARK = '# The CNI plugin of rnetns: made by `rnetns cni install`';

/**
 * Put a program `rnetns` into a plugin directory, which leads to this installation.
 *
 * @returns its path.
 * @throws RnetnsError ERR_CNI: something else of that name is there, or the directory is missing or can't be written.
 */
export function installPlugin(directory: string): string {
  const path = resolve(directory);
  const file = join(path, 'rnetns');
  try {
    if (isForeign(file)) {
      throw new RnetnsError('ERR_CNI', `cannot install the plugin: ${file} is there, and was not made by rnetns`, {
        hint: `look at it, and remove it: rm ${shellWord(file)}`,
      });
    }
    writeAtomic(file, `#!/bin/sh\n${MARK}\nexec ${shellWord(SCRIPTS.launcher)} cni plugin\n`);
    chmodSync(file, 0o755);
  } catch (cause) {
    throw cause instanceof RnetnsError && cause.code === 'ERR_CNI' ? cause : refusal(path, cause);
  }
  return file;
}

function isForeign(file: string): boolean {
  const there = lstatSync(file, { throwIfNoEntry: false });
  return there !== undefined && !(there.isFile() && readFileSync(file, 'utf8').includes(MARK));
}

/** What writing state says of a failure is about the runtime directory; here it is another one, and often the system's. */
function refusal(directory: string, failure: unknown): RnetnsError {
  const cause = failure instanceof RnetnsError ? failure.cause : failure;
  const path = shellWord(directory);
  const asRoot = `or as root: sudo ${shellWord(SCRIPTS.launcher)} cni install ${path}`;
  const hints: Record<string, string> = {
    ENOENT: `mkdir -p ${path}`,
    ENOTDIR: 'name the directory that your runtime has its plugins in, such as /usr/lib/cni',
    EACCES: `name a plugin directory that you may write; ${asRoot}`,
    EROFS: 'name a plugin directory that can be written',
  };
  return new RnetnsError('ERR_CNI', `cannot install the plugin in ${directory}: ${errnoReason(cause)}`, {
    hint: hints[errnoCode(cause) ?? ''],
    cause,
  });
}
