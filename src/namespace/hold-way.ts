import { closeSync, openSync } from 'node:fs';
import type { Target } from './enter.js';

/** A way that leads there also when the process it went by has ended. */
export interface HeldWay extends Target {
  release: () => void;
}

/** Keep the namespaces of a way open: by our descriptors nsenter(1) finds them, as long as we live. */
export function holdWay({ pid, user, mount }: Target): HeldWay {
  const opened: number[] = [];
  const keep = (kind: 'user' | 'mnt', which: boolean | string | undefined): string | undefined => {
    if (which === undefined || which === false) return undefined;
    const fd = openSync(typeof which === 'string' ? which : `/proc/${pid}/ns/${kind}`, 'r');
    opened.push(fd);
    return `/proc/${process.pid}/fd/${fd}`;
  };
  const release = (): void => opened.splice(0).forEach((fd) => closeSync(fd));
  try {
    const [byUser, byMount] = [keep('user', user), keep('mnt', mount)];
    return { pid: process.pid, ...(byUser && { user: byUser }), ...(byMount && { mount: byMount }), release };
  } catch (error) {
    release();
    throw error;
  }
}
