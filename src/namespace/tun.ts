import { closeSync, fstatSync, openSync } from 'node:fs';
import { serviceUnit } from '../config/confinement.js';
import { errnoCode } from '../config/errno.js';

const TUN = '/dev/net/tun';
/** Character device 10, 200: https://docs.kernel.org/admin-guide/devices.html; as makedev(3) puts them together. */
const TUN_DEVICE = 10 * 256 + 200;

/** What stands between a driver and its tap device; undefined when it can be opened, which makes no device. */
export function tunProblem(): { why: string; hint: string } | undefined {
  let tun: number | undefined;
  try {
    tun = openSync(TUN, 'r+');
    const stats = fstatSync(tun);
    if (!stats.isCharacterDevice() || stats.rdev !== TUN_DEVICE) {
      return {
        why: `${TUN} is something else than the tun device, character 10, 200`,
        hint: `sudo rm ${TUN}; sudo mknod -m 666 ${TUN} c 10 200; in a container, start it with --device ${TUN}`,
      };
    }
  } catch (error) {
    switch (errnoCode(error)) {
      case 'ENOENT':
      case 'ENOTDIR':
        return { why: `${TUN} does not exist`, hint: missingHint() };
      case 'ENODEV':
      case 'ENXIO':
        return { why: 'the kernel has no tun device', hint: 'sudo modprobe tun; after a kernel update, reboot' };
      case 'EACCES':
      case 'EPERM':
        return {
          why: `${TUN} may not be opened`,
          hint: `sudo chmod 666 ${TUN} (its usual mode)${unitHint((unit) => `; DeviceAllow=${TUN} rw in ${unit}`)}`,
        };
      default:
        return { why: `${TUN}: ${error instanceof Error ? error.message : String(error)}`, hint: `ls -l ${TUN}` };
    }
  } finally {
    if (tun !== undefined) closeSync(tun);
  }
  return undefined;
}

function unitHint(words: (unit: string) => string): string {
  const unit = serviceUnit();
  return unit === undefined ? '' : words(unit);
}

/** PrivateDevices= of systemd.exec(5) leaves the host's device where it is. */
function missingHint(): string {
  const host = `sudo modprobe tun; in a container, start it with --device ${TUN}`;
  return unitHint((unit) => `PrivateDevices=no in ${unit}; else `) + host;
}
