import { connect } from 'node:net';
import { join } from 'node:path';
import { errnoCode, errnoReason } from '../../config/errno.js';
import { variable } from '../../config/environment.js';
import { readLinger } from '../../inspect/protection.js';
import { managerSocket, pingManager } from '../../namespace/user-manager.js';
import { check, ok, warn } from '../check.js';
import type { Host } from '../host.js';

/** What keeps a namespace when the session is over in which it was made. */

const TIMEOUT_MS = 1500;
const NOBODY = ['ENOENT', 'ENOTDIR', 'ECONNREFUSED'];
const ENDS = 'a namespace ends with the unit or session in which it was made';

export const systemd = check('systemd', {
  async gather({ runtime }: Host): Promise<'answers' | 'absent' | Error> {
    if (runtime instanceof Error) return 'absent';
    try {
      await pingManager(managerSocket(runtime.runtimeDir), TIMEOUT_MS);
      return 'answers';
    } catch (error) {
      return NOBODY.includes(errnoCode(error) ?? '')
        ? 'absent'
        : error instanceof Error
          ? error
          : new Error(String(error));
    }
  },
  judge(manager) {
    if (manager === 'answers') return ok("the user's manager answers");
    if (manager === 'absent') {
      return warn(
        `no systemd manager of this user: ${ENDS}`,
        'log in by a session of systemd-logind (su and sudo open none), or: sudo loginctl enable-linger; containers have none',
      );
    }
    return warn(`the user's systemd manager: ${errnoReason(manager)}: ${ENDS}`, 'systemctl --user status');
  },
});

export const linger = check('linger', {
  gather: () => readLinger(),
  judge(lingers) {
    if (lingers === true) return ok("the user's systemd manager stays after the last session");
    if (lingers === null) return ok('unknown: no systemd-logind here');
    return warn('all namespaces end some seconds after your last session', 'loginctl enable-linger');
  },
});

interface Bus {
  /** As a program would find it; null: not as a socket's path. */
  path: string | null;
  given: boolean;
  problem: string | undefined;
}

export const sessionBus = check('session-bus', {
  async gather({ environment, runtime }: Host): Promise<Bus> {
    const address = variable(environment, 'DBUS_SESSION_BUS_ADDRESS');
    // https://dbus.freedesktop.org/doc/dbus-specification.html#addresses
    const [, escaped] = /^unix:(?:[^;]*,)?path=([^,;]+)/.exec(address ?? '') ?? [];
    if (address !== undefined && escaped === undefined) return { path: null, given: true, problem: undefined };
    const standard = runtime instanceof Error ? null : join(runtime.runtimeDir, 'bus');
    const path = escaped === undefined ? standard : unescape(escaped);
    return { path, given: address !== undefined, problem: path === null ? 'ENOENT' : await problemOf(path) };
  },
  judge({ path, given, problem }) {
    if (path === null && given) return ok('not on a socket with a path, and not tried; rnetns needs none');
    if (problem === undefined) return ok(`${path ?? ''} takes connections`);
    // aardvark-dns and podman ask it for a scope; rnetns asks systemd itself.
    if (!given && problem === 'ENOENT') return ok('none; rnetns needs none');
    return warn(
      `${path ?? ''}: ${problem}; rnetns needs none, but programs inside may`,
      given
        ? 'unset DBUS_SESSION_BUS_ADDRESS, or log in properly: su keeps that of the user before'
        : 'systemctl --user restart dbus.socket',
    );
  },
});

async function problemOf(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.setTimeout(TIMEOUT_MS, () => {
      socket.destroy();
      resolve('no answer');
    });
    socket.on('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.on('error', (error) => resolve(errnoCode(error) ?? error.message));
  });
}

function unescape(value: string): string {
  return value.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
