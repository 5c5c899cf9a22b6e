import { findProgram } from '../../exec/find-program.js';
import { check, fail, ok } from '../check.js';
import type { Host } from '../host.js';

/** What the launcher, the scripts and Node start, with the Debian package of each. */
const NEEDED: Readonly<Record<string, string>> = {
  ...packaged('util-linux', ['nsenter', 'unshare', 'flock', 'mount', 'umount', 'setsid']),
  ...packaged('iproute2', ['ip']),
  ...packaged('coreutils', ['cat', 'date', 'dd', 'head', 'mkdir', 'mkfifo', 'mv', 'readlink', 'rm', 'rmdir', 'sleep']),
  ...packaged('coreutils', ['timeout']),
  ...packaged('findutils', ['find']),
};

function packaged(name: string, programs: readonly string[]): Record<string, string> {
  return Object.fromEntries(programs.map((program) => [program, name]));
}

export const programs = check('programs', {
  gather: ({ path }: Host) => ({
    path,
    missing: Object.keys(NEEDED).filter((program) => findProgram(program, path) === undefined),
  }),
  judge({ path, missing }) {
    if (missing.length > 0) {
      const packages = [...new Set(missing.map((program) => NEEDED[program]))].join(' ');
      return fail(`not found in ${path.join(':')}: ${missing.join(' ')}`, `sudo apt-get install ${packages}`);
    }
    return ok('all in PATH');
  },
});
