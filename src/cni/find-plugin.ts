import { statSync } from 'node:fs';
import { join } from 'node:path';
import { quote } from '../config/bad-setting.js';
import { CNI_CODE, CniError } from './error.js';

/**
 * The program of a plugin: the first regular file of its name. Whether it can be executed shows when it is.
 *
 * @see FindInPath, https://github.com/containernetworking/cni/blob/main/pkg/invoke/find.go
 * @throws CniError badConfig: a name with `/`, no directories, or no such file.
 */
export function findPlugin(type: string, directories: readonly string[]): string {
  if (type === '') throw new CniError(CNI_CODE.badConfig, 'no plugin name provided');
  if (/[/\\\0]/.test(type) || type === '.' || type === '..') {
    throw new CniError(CNI_CODE.badConfig, `invalid plugin name: ${quote(type)}`);
  }
  if (directories.length === 0) throw new CniError(CNI_CODE.badConfig, 'no paths provided');
  const found = candidates(type, directories).find(isFile);
  if (found !== undefined) return found;
  throw new CniError(CNI_CODE.badConfig, `failed to find plugin ${quote(type)} in path ${directories.join(':')}`, {
    hint: 'install it (Debian package containernetworking-plugins), or add its directory to cni_plugin_dirs[]',
  });
}

/** Is there a program of that name at all? */
export function isInstalled(type: string, directories: readonly string[]): boolean {
  return candidates(type, directories).some(isFile);
}

function candidates(type: string, directories: readonly string[]): string[] {
  return directories.map((directory) => join(directory, type));
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
