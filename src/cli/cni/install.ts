import { chmodSync, lstatSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { RnetnsError } from '../../errors/error.js';
import { SCRIPTS } from '../../namespace/scripts.js';
import { writeAtomic } from '../../state/files.js';

const MARK = '# The CNI plugin of rnetns: made by `rnetns cni install`';

/**
 * Put a program `rnetns` into a plugin directory, which leads to this installation.
 *
 * @returns its path.
 * @throws RnetnsError ERR_CNI when something else of that name is there, ERR_STATE_DIR when it can't be written.
 */
export function installPlugin(directory: string): string {
  const file = join(resolve(directory), 'rnetns');
  const there = lstatSync(file, { throwIfNoEntry: false });
  if (there !== undefined && !(there.isFile() && readFileSync(file, 'utf8').includes(MARK))) {
    throw new RnetnsError('ERR_CNI', `cannot install the plugin: ${file} is there, and was not made by rnetns`, {
      hint: `look at it, and remove it: rm ${file}`,
    });
  }
  const quoted = `'${SCRIPTS.launcher.replaceAll("'", `'\\''`)}'`;
  writeAtomic(file, `#!/bin/sh\n${MARK}\nexec ${quoted} cni plugin\n`);
  chmodSync(file, 0o755);
  return file;
}
