import { once } from 'node:events';
import { watch } from 'node:fs';
import { errnoCode } from '../../config/errno.js';
import { takeFairShare } from '../../exec/fair-share.js';
import { shellWord } from '../../exec/shell-word.js';
import { describeLimits, limitsOf } from '../../inspect/limits.js';
import { mountsOf } from '../../namespace/mountinfo.js';
import { readLive } from '../../state/live.js';
import { readOptional } from '../../state/files.js';
import { check, fail, ok, warn, type Finding } from '../check.js';
import type { Host } from '../host.js';

/** What runs out: mounts, inotify instances, and what the caller is limited to. */

export const limits = check('limits', {
  async gather({ env, state }: Host) {
    const sysctl = (name: string): number | undefined => {
      const text = readOptional(`/proc/sys/${name}`);
      return text === undefined ? undefined : Number(text);
    };
    // As a namespace is made: what then stays is the kernel's.
    await takeFairShare(env);
    const live = state === undefined ? undefined : readLive(state);
    const driver = Number(state === undefined ? '' : readOptional(state.driverPid)) || live?.supervisor.pid;
    return {
      own: describeLimits(limitsOf('self')),
      theirs: live === undefined || driver === undefined ? '' : describeLimits(limitsOf(driver)),
      inotify: await tryInotify(),
      instances: [sysctl('fs/inotify/max_user_instances'), sysctl('user/max_inotify_instances')].filter(
        (value) => value !== undefined,
      ),
      mounts: mountsOf('self').length,
      mountMax: sysctl('fs/mount-max'),
    };
  },
  judge({ own, theirs, inotify, instances, mounts, mountMax }): Finding {
    if (mountMax !== undefined && mounts + MOUNTS_NEEDED > mountMax) {
      return fail(`${mounts} mounts, and fs.mount-max is ${mountMax}`, 'see mounts; sudo sysctl fs.mount-max=100000');
    }
    if (inotify !== undefined) {
      // pasta watches the namespace's file, to end with it.
      return warn(
        `no inotify instance can be made: ${inotify} (the limit is ${Math.min(...instances)} for all programs of a user)`,
        'sudo sysctl fs.inotify.max_user_instances=512',
      );
    }
    if (mountMax !== undefined && mounts > mountMax * 0.8) {
      return warn(`${mounts} mounts, and fs.mount-max is ${mountMax}`, 'see mounts; sudo sysctl fs.mount-max=200000');
    }
    if (theirs !== '') {
      return warn(
        `the namespace that is up has limits of whoever made it: ${theirs}`,
        'rnetns stop, and make it anew with fewer: ulimit in a shell, Limit…= in a systemd unit',
      );
    }
    if (own !== '') {
      return warn(
        `a namespace that is made from here would keep these limits, for all its users: ${own}`,
        'raise them before the first use: ulimit in a shell, Limit…= in a systemd unit',
      );
    }
    return ok(`${mounts} mounts of ${mountMax ?? 'any number'}; inotify works`);
  },
});

/** A namespace has those of its host again, a dozen of its own, and as many for each command. */
const MOUNTS_NEEDED = 20;

async function tryInotify(): Promise<string | undefined> {
  try {
    const watcher = watch('/proc/self');
    watcher.close();
    await once(watcher, 'close');
    return undefined;
  } catch (error) {
    return errnoCode(error) ?? String(error);
  }
}

/** The same, mounted so often at one place, is nobody's intention; twice is. */
const SUSPICIOUS = 3;
const EXPLOSION = 100;

/**
 * `ip netns add` made /run/netns a mount point of itself without a lock: run in parallel on a fresh system, each call
 * doubled what the others had mounted, until the limit of mounts was reached.
 */
export const mounts = check('mounts', {
  gather({ state }: Host) {
    const supervisor = state === undefined ? undefined : readLive(state)?.supervisor.pid;
    return [...repeated(mountsOf('self')), ...(supervisor === undefined ? [] : repeated(mountsOf(supervisor)))];
  },
  judge(found): Finding {
    const worst = found.sort((one, other) => other.count - one.count)[0];
    if (worst === undefined) return ok('nothing is mounted again and again at the same place');
    const { point, count } = worst;
    const detail = `${point} is mounted ${count} times with the same content, as parallel calls of ip netns add may do`;
    const hint = `sudo umount --lazy ${shellWord(point)}, until findmnt shows it once or not at all`;
    return count >= EXPLOSION ? fail(detail, hint) : warn(detail, hint);
  },
});

function repeated(all: ReturnType<typeof mountsOf>): { point: string; count: number }[] {
  const counts = new Map<string, { point: string; count: number }>();
  for (const { device, root, point } of all) {
    const key = [device, root, point].join('\n');
    counts.set(key, { point, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()].filter(({ count }) => count >= SUSPICIOUS);
}
