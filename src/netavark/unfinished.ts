import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeError } from '../state/directory.js';
import { listNames, makeDirectory, readOptional } from '../state/files.js';
import { isObject } from '../state/json.js';
import { isAlive, type ProcessId } from '../state/process.js';
import { parseRequest, requestedNetworks, type NetavarkRequest } from './request.js';

/**
 * Setups that are not counted yet, `DIRECTORY/CONTAINER` each: what it takes to undo one that was killed together with all
 * that would have undone it. Before that is done its address must not become another's.
 */
export interface Unfinished {
  /** Path of the container's namespace, as commands see it. */
  netns: string;
  /** The launcher: it lives until the reference is counted. */
  process: ProcessId;
  /** With the addresses it was given. */
  request: NetavarkRequest;
}

export interface UnfinishedFile {
  file: string;
  setup: Unfinished;
}

export function unfinishedFile(directory: string, container: string): string {
  return join(directory, container);
}

/** Hidden at first: scripts/netavark.sh gives it its name when it begins, for until then there is nothing to undo. */
export function noteSetup(directory: string, setup: Unfinished): void {
  makeDirectory(directory);
  const file = join(directory, `.${setup.request.container_id}`);
  try {
    writeFileSync(file, JSON.stringify(setup), { mode: 0o600 });
  } catch (cause) {
    throw writeError(file, cause);
  }
}

/** It is counted, or torn down. */
export function forgetSetup(directory: string, container: string): void {
  rmSync(unfinishedFile(directory, container), { force: true });
}

/**
 * Those that nobody counted, and nobody will.
 *
 * @param isCounted - is the container counted for the network, as it is now?
 */
export function forgottenSetups(
  directory: string,
  isCounted: (container: string, network: string) => boolean,
): UnfinishedFile[] {
  const ended = listNames(directory)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => {
      const file = unfinishedFile(directory, name);
      const setup = parseSetup(readOptional(file) ?? '');
      return setup === undefined || isAlive(setup.process) ? [] : [{ file, setup }];
    });
  // Only now: whoever has ended had counted it before. Its networks are counted all at once.
  return ended.filter(({ setup: { request } }) =>
    requestedNetworks(request).some(({ id }) => !isCounted(request.container_id, id)),
  );
}

function parseSetup(text: string): Unfinished | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || typeof value.netns !== 'string' || !isObject(value.process)) return undefined;
    const { pid, startTicks } = value.process;
    if (typeof pid !== 'number' || typeof startTicks !== 'number') return undefined;
    // The script reads it as a line.
    if (value.netns.includes('\n')) return undefined;
    return { netns: value.netns, process: { pid, startTicks }, request: parseRequest(JSON.stringify(value.request)) };
  } catch {
    return undefined;
  }
}
