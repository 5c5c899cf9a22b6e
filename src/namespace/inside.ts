import type { StateDirectory } from '../state/directory.js';
import { mountsOf } from './mountinfo.js';

/**
 * Are we a command of this namespace? Its copy of M1 has $XDG_RUNTIME_DIR and others mounted *below the state directory*,
 * so that removing the state from in here would empty them; and what is started here is on the namespace's network.
 */
export function isInside({ path, netns, userns }: StateDirectory): boolean {
  return mountsOf('self').some(({ point }) => point.startsWith(`${path}/`) && point !== netns && point !== userns);
}
