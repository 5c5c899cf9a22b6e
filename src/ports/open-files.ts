import { readOptional } from '../state/files.js';

/** The hard limit on open files (getrlimit(2)), to which Node raises its own: how many listeners and connections there can be. */
export function openFilesLimit(): number {
  const hard = /^Max open files +\S+ +(\d+)/m.exec(readOptional('/proc/self/limits') ?? '')?.[1];
  return hard === undefined ? Infinity : Number(hard);
}
