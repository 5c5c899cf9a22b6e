import type { StateDirectory } from '../state/directory.js';
import { askForwarder } from './control.js';
import { dropPort, readPorts } from './desired.js';
import type { Port } from './port.js';

const CLOSE_MS = 5000;

/** Those of a namespace that are meant; they are closed when this returns, unless the forwarder doesn't answer. */
export async function closePorts(
  state: StateDirectory,
  isMeant: (port: Port) => boolean,
  follow: (names: string[]) => Promise<unknown> = (names) => askForwarder(state, { names }, CLOSE_MS),
): Promise<Port[]> {
  const meant = [...readPorts(state)].filter(([, port]) => isMeant(port));
  const names = meant.map(([name]) => name);
  for (const name of names) dropPort(state, name);
  if (names.length > 0) await follow(names);
  return meant.map(([, port]) => port);
}
