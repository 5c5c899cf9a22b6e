import { dirname } from 'node:path';
import { RnetnsError } from '../errors/error.js';
import { findComponents, wayToM0 } from '../namespace/components.js';
import type { Target } from '../namespace/enter.js';
import { isInside } from '../namespace/inside.js';
import { enterScope } from '../namespace/scope.js';
import { StateDirectory } from '../state/directory.js';
import { readLive } from '../state/live.js';
import { stateNames } from '../state/runtime.js';
import { askForwarder } from './control.js';
import { readPorts } from './desired.js';
import type { Published } from './conflicts.js';
import type { PortState } from './forwarder/table.js';
import { orderForwarder, startForwarder, type ForwarderSurroundings } from './start-forwarder.js';

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
/** A supervisor that lives takes it up at once, and Node starts in a tenth of that. */
const SUPERVISOR_MS = 3000;
const TRIES = 20;

/**
 * Have the forwarder follow these ports, and have it started where it doesn't run: by the supervisor, and where that is dead or stopped
 * by ourselves.
 *
 * @throws RnetnsError ERR_PORT
 */
export async function follow(around: ForwarderSurroundings, names: string[]): Promise<Record<string, PortState>> {
  if (around.follow !== undefined) return around.follow(names);
  const ask = () => askForwarder(around.state, { names }, ANSWER_MS);
  const deadline = performance.now() + SUPERVISOR_MS;
  for (let round = 0; performance.now() < deadline; round += 1) {
    const states = await ask();
    if (states !== undefined) return states;
    // Again now and then: what it is told is but a hint.
    if (round % 20 === 0) orderForwarder(around.state);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  // As a child of ours it must not go with our caller's session.
  await enterScope(around.state.name, around.state.runtimeDir, around.warn ?? (() => undefined));
  for (let tries = TRIES; tries > 0; tries -= 1) {
    await startForwarder(around, wayIn(around.state));
    const states = await ask();
    if (states !== undefined) return states;
    // One that is about to end says that it runs, and doesn't answer.
    await new Promise((resolve) => setTimeout(resolve, 50));
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
