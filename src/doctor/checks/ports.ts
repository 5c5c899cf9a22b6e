import { errnoCode } from '../../config/errno.js';
import { holdPort } from '../../ports/bind.js';
import { OTHER_DESCRIPTORS } from '../../ports/conflicts.js';
import { openFilesLimit } from '../../ports/open-files.js';
import { sourcesInWords } from '../../ports/sources.js';
import { readOptional } from '../../state/files.js';
import { check, ok, warn, type Finding } from '../check.js';

/** What `rnetns port add` and `--publish` can do here. */
export interface Facts {
  /** Why a free port of the loopback can't be had; undefined when it can. */
  refused: string | undefined;
  /** net.ipv4.ip_unprivileged_port_start */
  firstUnprivileged: number;
  openFiles: number;
}

export const ports = check('ports', {
  async gather(): Promise<Facts> {
    return {
      refused: await tryPort(),
      firstUnprivileged: Number(readOptional('/proc/sys/net/ipv4/ip_unprivileged_port_start') ?? 1024),
      openFiles: openFilesLimit(),
    };
  },
  judge,
});

async function tryPort(): Promise<string | undefined> {
  try {
    const held = await holdPort({ protocol: 'tcp', hostIp: '127.0.0.1', hostPort: 0, targetIp: '', targetPort: 1 });
    await held.release();
    return undefined;
  } catch (error) {
    return errnoCode(error) ?? String(error);
  }
}

/** Exported for its test. */
export function judge({ refused, firstUnprivileged, openFiles }: Facts): Finding {
  if (refused !== undefined) {
    return warn(
      `a port of 127.0.0.1 cannot be had: ${refused}`,
      refused === 'EADDRNOTAVAIL'
        ? 'sudo ip link set lo up'
        : 'a unit or sandbox forbids it: RestrictAddressFamilies=, SocketBindDeny=',
    );
  }
  const room = Math.max(0, openFiles - OTHER_DESCRIPTORS);
  return ok(
    [
      `published by rnetns itself: a server sees as client ${sourcesInWords('rnetns')}, unless asked for --proxy-protocol`,
      `from port ${firstUnprivileged} on`,
      ...(Number.isFinite(room) ? [`at most ${room} ports, or half as many connections`] : []),
    ].join('; '),
  );
}
