/** doctor on a host that really lacks something: each check names the cause, and what to do. */

import { expect } from 'chai';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckId } from '../../src/doctor/ids.js';
import { expectFinding, finding, findingWhere, type Worse } from '../fixtures/doctor.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { launcher } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { directoryOfPrograms } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

interface Condition extends Worse {
  check: CheckId;
  what: string;
  status: 'ok' | 'warn' | 'fail';
  detail: RegExp;
  hint: RegExp | null;
}

/** `given FILE TEXT…`: lines of text in place of the host's file. */
const GIVEN =
  'mount -t tmpfs tmpfs /mnt; given() { f=$1; shift; printf "%s\\n" "$@" >/mnt/${f##*/}; mount --bind /mnt/${f##*/} "$f"; }';
const SUBIDS = `${GIVEN}; given /etc/subuid root:100000:65536; given /etc/subgid root:100000:65536`;
const CHROOT = 'mount --rbind / /mnt';
/** Who chroots is usually started by somebody who stays outside. */
const OUTSIDE = 'setpriv --pdeathsig KILL sleep 30 >/dev/null 2>&1 &';

const CONDITIONS: Condition[] = [
  {
    check: 'runtime-dir',
    what: 'a full tmpfs',
    setUp:
      'mount -t tmpfs -o size=64k,mode=700 tmpfs "$XDG_RUNTIME_DIR"; ! dd if=/dev/zero of="$XDG_RUNTIME_DIR/f" status=none 2>/dev/null',
    status: 'fail',
    detail: /can't be written: no space is left/,
    hint: /free some space/,
  },
  {
    check: 'runtime-dir',
    what: 'a read-only file system',
    setUp: 'mount -t tmpfs -o ro,mode=700 tmpfs "$XDG_RUNTIME_DIR"',
    status: 'fail',
    detail: /can't be written: read-only file system/,
    hint: /XDG_RUNTIME_DIR/,
  },
  {
    check: 'runtime-dir',
    what: 'no tmpfs',
    setUp:
      'mount -t tmpfs tmpfs /mnt; mkdir -m 700 /mnt/l /mnt/u /mnt/w; mount -t overlay -o userxattr,lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w overlay "$XDG_RUNTIME_DIR"',
    status: 'warn',
    detail: /on a disk/,
    hint: /tmpfs/,
  },
  {
    check: 'user-namespace',
    what: 'a user namespace that will do, where no other can be made',
    setUp: 'echo 0 >/proc/sys/user/max_user_namespaces',
    status: 'ok',
    detail: /called in will do/,
    hint: null,
  },
  {
    check: 'user-namespace',
    what: 'user namespaces off',
    setUp: 'echo 0 >/proc/sys/user/max_user_namespaces',
    powerless: true,
    status: 'fail',
    detail: /user namespaces are off/,
    hint: /sudo sysctl user\.max_user_namespaces=/,
  },
  {
    check: 'user-namespace',
    what: 'the limit of user namespaces used up',
    // It ends with doctor, which has this shell's pid.
    setUp:
      'mount -t tmpfs tmpfs /mnt; echo 1 >/proc/sys/user/max_user_namespaces; setpriv --pdeathsig KILL unshare --user sh -c "echo; exec sleep 30" >/mnt/up 2>&1 & until [ -s /mnt/up ]; do sleep 0.01; done',
    powerless: true,
    status: 'fail',
    detail: /user\.max_user_namespaces is 1/,
    hint: /sudo sysctl user\.max_user_namespaces=/,
  },
  {
    check: 'user-namespace',
    what: 'a chroot onto a mount point',
    setUp: `${CHROOT}; ${OUTSIDE}`,
    before: 'chroot /mnt',
    powerless: true,
    status: 'fail',
    detail: /not permitted.*chroot/,
    hint: /pivot_root/,
  },
  {
    check: 'user-namespace',
    what: 'a chroot onto a mount point of a mount point',
    setUp: `${CHROOT}; mount --rbind /mnt /mnt/mnt; ${OUTSIDE}`,
    before: 'chroot /mnt/mnt',
    powerless: true,
    status: 'fail',
    detail: /not permitted.*chroot/,
    hint: /pivot_root/,
  },
  {
    check: 'user-namespace',
    what: 'a chroot into a directory',
    setUp:
      'mount -t tmpfs tmpfs /mnt; for each in /*; do [ -L "$each" ] && cp -P "$each" "/mnt/r$each" || if [ -d "$each" ] && [ "$each" != /mnt ]; then mkdir -p "/mnt/r$each"; mount --rbind "$each" "/mnt/r$each"; fi; done',
    before: 'chroot /mnt/r',
    powerless: true,
    status: 'fail',
    detail: /not permitted.*chroot/,
    hint: /pivot_root/,
  },
  {
    check: 'user-namespace',
    what: 'a mount over the root directory',
    setUp: 'mount --rbind / /',
    powerless: true,
    status: 'fail',
    detail: /not permitted.*chroot/,
    hint: /pivot_root/,
  },
  {
    check: 'user-namespace',
    what: 'a chroot that nobody is outside of, so that nothing tells',
    setUp: CHROOT,
    before: 'chroot /mnt',
    powerless: true,
    status: 'fail',
    detail: /not permitted.*the kernel refuses it$/,
    hint: null,
  },
  {
    check: 'user-namespace',
    what: "Debian's sysctl, and a kernel that refuses",
    setUp: `${CHROOT}; mount -t tmpfs tmpfs /mnt/proc/sys/kernel; echo 0 >/mnt/proc/sys/kernel/unprivileged_userns_clone`,
    before: 'chroot /mnt',
    powerless: true,
    status: 'fail',
    detail: /for root only/,
    hint: /sudo sysctl kernel\.unprivileged_userns_clone=1/,
  },
  {
    check: 'user-namespace',
    what: "Ubuntu's sysctl, and a kernel that refuses",
    setUp: `${CHROOT}; mount -t tmpfs tmpfs /mnt/proc/sys/kernel; echo 1 >/mnt/proc/sys/kernel/apparmor_restrict_unprivileged_userns`,
    before: 'chroot /mnt',
    powerless: true,
    status: 'fail',
    detail: /AppArmor restricts/,
    hint: new RegExp(`@LAUNCHER@\\|${launcher}\\|' .*configs/apparmor/rnetns \\| sudo tee /etc/apparmor\\.d/rnetns`),
  },
  {
    check: 'namespaces',
    what: 'user namespaces off',
    setUp: 'echo 0 >/proc/sys/user/max_user_namespaces',
    powerless: true,
    status: 'warn',
    detail: /not tried/,
    hint: /see user-namespace/,
  },
  ...(['net', 'mnt'] as const).map((kind): Condition => ({
    check: 'namespaces',
    what: `no ${kind} namespaces allowed`,
    setUp: `echo 0 >/proc/sys/user/max_${kind}_namespaces`,
    status: 'fail',
    detail: new RegExp(`user\\.max_${kind}_namespaces is 0`),
    hint: new RegExp(`sudo sysctl user\\.max_${kind}_namespaces=`),
  })),
  {
    check: 'subordinate-ids',
    what: 'an empty /etc/subuid',
    setUp: `${SUBIDS}; given /etc/subuid ""`,
    powerless: true,
    status: 'warn',
    detail: /none for root in \/etc\/subuid; only your own id/,
    hint: /sudo usermod --add-subuids 165536-231071 --add-subgids 165536-231071 root/,
  },
  {
    check: 'subordinate-ids',
    what: 'a range of another user that overlaps',
    setUp: `${SUBIDS}; given /etc/subuid root:100000:65536 somebody:165535:65536`,
    powerless: true,
    status: 'warn',
    detail: /100000:65536 is yours and overlaps somebody:165535:65536/,
    hint: /--del-subuids 100000-165535 root; then sudo usermod --add-subuids 231071-/,
  },
  {
    check: 'subordinate-ids',
    what: 'a range that only touches the next one',
    setUp: `${SUBIDS}; given /etc/subuid root:100000:65536 somebody:165536:65536`,
    powerless: true,
    status: 'ok',
    detail: /65536 uids, 65536 gids/,
    hint: null,
  },
  {
    check: 'subordinate-ids',
    what: 'fewer ids than usual',
    setUp: `${SUBIDS}; given /etc/subuid root:100000:1000`,
    powerless: true,
    status: 'warn',
    detail: /1000 uids, 65536 gids: fewer/,
    hint: /usermod/,
  },
  {
    check: 'subordinate-ids',
    what: 'a directory service that has none',
    setUp: `${SUBIDS}; given /etc/subuid ""; given /etc/nsswitch.conf "passwd: files" "subid: sss"`,
    powerless: true,
    status: 'warn',
    detail: /none from sss \(nsswitch\.conf\): \S/,
    hint: /usermod/,
  },
  {
    check: 'newuidmap',
    what: 'newuidmap on a nosuid mount',
    setUp: `${SUBIDS}; cp "$(command -v newuidmap)" "$(command -v newgidmap)" /mnt/; chmod u+s /mnt/new*; mount -o remount,bind,nosuid /mnt; PATH=/mnt:$PATH`,
    powerless: true,
    status: 'warn',
    detail: /newuidmap failed: .*it is on \/mnt, which is mounted with nosuid/,
    hint: /remount,suid/,
  },
  {
    check: 'tun',
    what: 'no /dev/net/tun',
    setUp: 'mount -t tmpfs tmpfs /dev/net',
    status: 'fail',
    detail: /does not exist/,
    hint: /sudo modprobe tun; .*--device \/dev\/net\/tun/,
  },
  {
    check: 'tun',
    what: 'a device without a driver behind it',
    // Opening a socket's file gives ENXIO, as a device's without driver does.
    setUp:
      "mount -t tmpfs tmpfs /mnt; node -e \"require('net').createServer().listen('/mnt/s', () => process.kill(process.pid, 'SIGKILL'))\" || :; mount --bind /mnt/s /dev/net/tun",
    status: 'fail',
    detail: /the kernel has no tun device/,
    hint: /reboot/,
  },
  {
    check: 'tun',
    what: 'another device there',
    setUp: 'mount --bind /dev/null /dev/net/tun',
    status: 'fail',
    detail: /something else/,
    hint: /mknod -m 666 \/dev\/net\/tun c 10 200/,
  },
  {
    check: 'tun',
    what: 'a FIFO there',
    setUp: 'mount -t tmpfs tmpfs /mnt; mkfifo /mnt/f; mount --bind /mnt/f /dev/net/tun',
    status: 'fail',
    detail: /something else/,
    hint: /mknod/,
  },
  {
    check: 'proc-sys',
    what: '/proc/sys read-only, as in a container',
    setUp: 'mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys',
    status: 'warn',
    detail: /ip_forward can't be written: .*[Rr]ead-only/,
    hint: /systempaths=unconfined/,
  },
  {
    check: 'firewall',
    what: 'neither nft nor iptables',
    setUp:
      'for each in nft iptables; do for path in /usr/sbin /sbin; do ! [ -e "$path/$each" ] || mount --bind /etc/passwd "$(readlink -f "$path/$each")"; done; done',
    status: 'warn',
    detail: /not installed: nft iptables/,
    hint: /apt-get install nftables iptables/,
  },
  {
    check: 'limits',
    what: 'no inotify instances left',
    setUp: 'echo 0 >/proc/sys/user/max_inotify_instances',
    status: 'warn',
    detail: /no inotify instance can be made: EMFILE \(the limit is 0/,
    hint: /sysctl fs\.inotify\.max_user_instances/,
  },
  {
    check: 'limits',
    what: 'as many mounts as fs.mount-max',
    setUp: `${GIVEN}; given /proc/sys/fs/mount-max 10`,
    status: 'fail',
    detail: /\d+ mounts, and fs\.mount-max is 10/,
    hint: /sudo sysctl fs\.mount-max=/,
  },
  {
    check: 'mounts',
    what: 'a directory mounted five times on itself',
    setUp:
      'mount -t tmpfs tmpfs /mnt; mkdir "/mnt/a b"; for _ in 1 2 3 4 5; do mount --bind "/mnt/a b" "/mnt/a b"; done',
    status: 'warn',
    detail: /\/mnt\/a b is mounted 5 times/,
    hint: /umount --lazy '\/mnt\/a b'/,
  },
  {
    check: 'mounts',
    what: 'the explosion of parallel ip netns add',
    setUp:
      'mount -t tmpfs tmpfs /mnt; mkdir /mnt/n; mount --bind /mnt/n /mnt/n; mount --make-shared /mnt/n; for _ in 1 2 3 4 5 6 7; do mount --rbind /mnt/n /mnt/n; done',
    status: 'fail',
    detail: /\/mnt\/n is mounted [0-9]{3,} times/,
    hint: /umount/,
  },
  {
    check: 'linger',
    what: 'a manager that ends with the last session',
    setUp: 'mount -t tmpfs tmpfs /var/lib; mkdir -p /var/lib/systemd/linger; : >/var/lib/systemd/linger/somebody',
    status: 'warn',
    detail: /end some seconds after your last session/,
    hint: /loginctl enable-linger/,
  },
  {
    check: 'default-route',
    what: 'no default route',
    setUp: 'ip link set lo up',
    net: true,
    status: 'warn',
    detail: /offline/,
    hint: /connect it/,
  },
];

describe('doctor names what a host lacks', () => {
  before(function () {
    requires(this, 'userns', 'tun', 'ip');
  });

  for (const { check, what, status, detail, hint, ...worse } of CONDITIONS) {
    it(`${check}: ${what}`, async function () {
      requires(this, 'unprivileged');
      if (check === 'newuidmap' || check === 'subordinate-ids') requires(this, 'subids');
      const { env } = freshRuntimeDir(this);
      expectFinding(await findingWhere(worse, check, env), status, detail, hint);
    });
  }

  it('tun: one that may not be opened', async function () {
    requires(this, 'unprivileged');
    const { env } = freshRuntimeDir(this);
    // A file that only the host's root may open stands for a node of mode 0600.
    const found = await findingWhere({ setUp: 'mount --bind /etc/shadow /dev/net/tun' }, 'tun', env);
    expectFinding(found, 'fail', /may not be opened/, /sudo chmod 666 \/dev\/net\/tun/);
  });

  it('kernel: one that says it is older', async function () {
    const { env } = freshRuntimeDir(this);
    const found = await finding('kernel', env, { before: ['setarch', '--uname-2.6'] });
    expectFinding(found, 'fail', /^2\.6\.\d+.*older than 3\.9.*\/proc\/net/, /update the kernel/);
  });

  it('programs: one that is not in PATH', async function () {
    const { env } = freshRuntimeDir(this);
    const parent = mkdtempSync('/tmp/rnetns-path-');
    onTestEnd(() => rmSync(parent, { recursive: true }));
    const needed =
      'sh node nsenter unshare mount umount ip awk cat date dd head mkdir mkfifo mv readlink rm rmdir setsid sleep timeout find';
    const PATH = directoryOfPrograms(parent, needed.split(' '));
    const found = await finding('programs', { ...env, PATH });
    expectFinding(found, 'fail', /not found in .*: flock$/, /^sudo apt-get install util-linux$/);
    symlinkSync(findProgram('flock') ?? '', join(PATH, 'flock'));
    expectFinding(await finding('programs', { ...env, PATH }), 'ok', /^all in PATH$/);
  });

  it('user-namespace and namespaces: unshare is not in PATH', async function () {
    const { env } = freshRuntimeDir(this);
    const parent = mkdtempSync('/tmp/rnetns-path-');
    onTestEnd(() => rmSync(parent, { recursive: true }));
    const PATH = directoryOfPrograms(parent, ['sh', 'node', 'readlink']);
    expectFinding(await finding('user-namespace', { ...env, PATH }), 'fail', /unshare: .*not found/, /^see programs$/);
    expectFinding(await finding('pasta', { ...env, PATH: `${PATH}:/nonexistent` }), 'fail', /not installed/, /passt/);
  });

  it('settings: a key that nobody knows, and the other checks are made all the same', async function () {
    const runtime = freshRuntimeDir(this);
    runtime.configure('[rnetns]\nlingr = 3\n');
    const found = await finding('settings', runtime.env);
    expectFinding(found, 'fail', /rnetns\.conf, line 2.*lingr/, /linger/);
    expectFinding(await finding('tun', runtime.env), 'ok', /can be opened/);
  });

  it('settings: a file that is asked for and not there', async function () {
    const { env } = freshRuntimeDir(this);
    const found = await finding('settings', env, { args: ['--config', '/nonexistent/rnetns.conf'] });
    expectFinding(found, 'fail', /\/nonexistent\/rnetns\.conf/, /check --config/);
  });

  for (const [what, value, detail] of [
    ['missing', '/nonexistent', /there is no such directory/],
    ["another user's", '/', /belongs to uid 0/],
    ['relative', 'run', /not an absolute path/],
  ] as const) {
    it(`runtime-dir: ${what}`, async function () {
      requires(this, 'unprivileged');
      const { env } = freshRuntimeDir(this);
      const found = await finding('runtime-dir', { ...env, XDG_RUNTIME_DIR: value });
      expectFinding(found, 'fail', detail, /unset XDG_RUNTIME_DIR/);
    });
  }

  for (const [mode, status, detail] of [
    [0o755, 'warn', /0755: others may look into it/],
    [0o777, 'fail', /0777: others may write in it/],
  ] as const) {
    it(`runtime-dir: mode ${mode.toString(8)}`, async function () {
      const { env, dir } = freshRuntimeDir(this);
      chmodSync(dir, mode);
      expectFinding(await finding('runtime-dir', env), status, detail, /chmod 700/);
    });
  }

  it('runtime-dir: a state directory that is a link', async function () {
    const { env, dir, stateDir } = freshRuntimeDir(this);
    mkdirSync(join(dir, 'rnetns'), { mode: 0o700 });
    symlinkSync('/tmp', stateDir());
    const found = await finding('runtime-dir', env);
    rmSync(stateDir());
    expectFinding(found, 'fail', /symbolic link/, /remove it: rm/);
  });

  describe('newuidmap', () => {
    before(function () {
      requires(this, 'subids', 'unprivileged');
    });

    it('a copy without its set-user-ID bit', async function () {
      const { env } = freshRuntimeDir(this);
      const path = mkdtempSync('/tmp/rnetns-path-');
      onTestEnd(() => rmSync(path, { recursive: true }));
      for (const program of ['newuidmap', 'newgidmap']) {
        copyFileSync(findProgram(program) ?? '', join(path, program));
        chmodSync(join(path, program), 0o755);
      }
      const found = await finding('newuidmap', { ...env, PATH: `${path}:${env.PATH ?? ''}` });
      expectFinding(
        found,
        'warn',
        /newuidmap failed: .*no set-user-ID bit/,
        /chmod u\+s \/tmp\/rnetns-path-.*\/newuidmap/,
      );
    });

    it('a caller that may gain no rights', async function () {
      const { env } = freshRuntimeDir(this);
      const found = await finding('newuidmap', env, { before: ['setpriv', '--no-new-privs', '--'] });
      expectFinding(found, 'warn', /no_new_privs/, /NoNewPrivileges=no/);
    });

    it('is not installed', async function () {
      const { env } = freshRuntimeDir(this);
      const parent = mkdtempSync('/tmp/rnetns-path-');
      onTestEnd(() => rmSync(parent, { recursive: true }));
      const PATH = directoryOfPrograms(parent, ['sh', 'node', 'unshare', 'readlink']);
      const found = await finding('newuidmap', { ...env, PATH });
      expectFinding(found, 'warn', /not installed: newuidmap newgidmap/, /install uidmap/);
    });

    it('hangs, and starts a child that does: it is ended, with the child', async function () {
      const { env } = freshRuntimeDir(this);
      const path = mkdtempSync('/tmp/rnetns-path-');
      onTestEnd(() => rmSync(path, { recursive: true }));
      for (const program of ['newuidmap', 'newgidmap']) {
        writeFileSync(join(path, program), '#!/bin/sh\ntrap "" TERM\nsleep 300 & sleep 300\n', { mode: 0o755 });
      }
      const found = await finding('newuidmap', { ...env, PATH: `${path}:${env.PATH ?? ''}` });
      expect(found.status).to.equal('warn');
      expect(found.detail).to.match(/did not end within 1 s/);
    });
  });
});
