import { dirname } from 'node:path';
import { RnetnsError } from '../errors/error.js';
import { findComponents, wayToM0 } from '../namespace/components.js';
import type { Target } from '../namespace/enter.js';
import { isInside } from '../namespace/inside.js';
import { StateDirectory } from '../state/directory.js';
import { readLive } from '../state/live.js';
import { stateNames } from '../state/runtime.js';
import { askForwarder } from './control.js';
import { readPorts } from './desired.js';
import type { Published } from './conflicts.js';
import type { PortState } from './forwarder/table.js';
import { startForwarder, type ForwarderSurroundings } from './start-forwarder.js';

/** @throws RnetnsError ERR_DOWN, ERR_NETNS: there is no namespace, or we are in it, where its ports are not to be seen. */
export function generationUp(state: StateDirectory, act: string): string {
  if (isInside(state)) {
    throw new RnetnsError('ERR_NETNS', `cannot ${act} from inside the namespace ${state.name}`, {
      hint: 'call rnetns port outside of it',
    });
  }
  const live = readLive(state);
  if (live !== undefined) return live.generation;
  throw new RnetnsError('ERR_DOWN', `cannot ${act}: there is no namespace ${state.name}`, {
    hint: 'a command or a reference makes one: rnetns run, rnetns setup --id ID',
  });
}

/** What is published by all the namespaces of the caller. */
export function allPublished({ path }: StateDirectory): Published[] {
  const base = dirname(path);
  return stateNames(base).flatMap((name) =>
    [...readPorts(new StateDirectory(base, name)).values()].map((port) => ({ namespace: name, port })),
  );
}

const ANSWER_MS = 10_000;
const TRIES = 20;

/**
 * Have the forwarder follow these ports, and start it where it doesn't run.
 *
 * @throws RnetnsError ERR_PORT
 */
export async function follow(around: ForwarderSurroundings, names: string[]): Promise<Record<string, PortState>> {
  for (let tries = TRIES; tries > 0; tries -= 1) {
    const states = await askForwarder(around.state, { names }, ANSWER_MS);
    if (states !== undefined) return states;
    // One that is about to end says that it runs, and doesn't answer.
    if (tries < TRIES) await new Promise((resolve) => setTimeout(resolve, 50));
    await startForwarder(around, wayIn(around.state));
  }
  throw new RnetnsError('ERR_PORT', `the forwarder of the namespace ${around.state.name} does not answer`, {
    hint: 'look at it with ps; when it has ended, the next rnetns port add starts another one',
  });
}

function wayIn(state: StateDirectory): Target {
  const way = wayToM0(state, findComponents(state));
  if (way !== undefined) return way;
  throw new RnetnsError('ERR_PORT', `nothing leads into the namespace ${state.name}`, { hint: 'rnetns repair' });
}
