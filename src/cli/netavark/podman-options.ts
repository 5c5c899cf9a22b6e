import { statSync } from 'node:fs';

/**
 * The command line without podman's `--config DIRECTORY`, where netavark would keep its state: ours keeps that in the state
 * directory. `--config` of ours is a file.
 */
export function withoutStateDirectory(args: readonly string[]): string[] {
  const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return args.filter((arg, at) => {
    const [, joined] = /^--config=(.*)$/s.exec(arg) ?? [];
    if (joined !== undefined) return !isDirectory(joined);
    if (arg === '--config') return !isDirectory(args[at + 1] ?? '');
    return !(args[at - 1] === '--config' && isDirectory(arg));
  });
}
