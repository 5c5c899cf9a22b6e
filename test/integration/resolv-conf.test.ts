/**
 * The layouts of /etc/resolv.conf that hosts have, each made for real in a private host: programs inside read ours,
 * without the host's loopback servers, and the host's files stay as they are.
 */

import { expect } from 'chai';
import { requires } from '../fixtures/requirements.js';
import { printed, statusOf } from '../fixtures/netns-facts.js';
import { privateHost } from '../fixtures/private-host.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';

interface Layout {
  name: string;
  /** sh: makes /etc/resolv.conf, which is not there, and what it leads to, below /etc and /run. */
  make: string;
  /** The servers of the host that are kept, and the search list. */
  kept: string[];
  search?: string;
}

const REAL = "printf 'nameserver 198.51.100.53\\nnameserver 198.51.100.54\\nsearch example.org\\n'";
const STUB = "printf 'nameserver 127.0.0.53\\noptions edns0 trust-ad\\nsearch stub.example\\n'";
const KEPT = ['198.51.100.53', '198.51.100.54'];

const LAYOUTS: Layout[] = [
  { name: 'a plain file', make: `${REAL} >/etc/resolv.conf`, kept: KEPT, search: 'example.org' },
  {
    name: 'a plain file with a loopback server between others',
    make: "printf 'nameserver 127.0.0.1\\nnameserver 198.51.100.53\\nnameserver ::1\\n' >/etc/resolv.conf",
    kept: ['198.51.100.53'],
  },
  {
    name: "a link to systemd-resolved's stub",
    make: `
      mkdir -p /run/systemd/resolve
      ${STUB} >/run/systemd/resolve/stub-resolv.conf
      ${REAL} >/run/systemd/resolve/resolv.conf
      ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf`,
    kept: KEPT,
    search: 'example.org',
  },
  {
    name: 'a stub that links on below /run',
    make: `
      mkdir -p /run/systemd/resolve /run/resolvconf
      ${REAL} >/run/resolvconf/resolv.conf
      ln -s ../../resolvconf/resolv.conf /run/systemd/resolve/stub-resolv.conf
      ln -s /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf`,
    kept: KEPT,
    search: 'example.org',
  },
  {
    name: "NetworkManager's, with a local server",
    make: `
      mkdir -p /run/NetworkManager
      printf 'nameserver 127.0.0.1\\n' >/run/NetworkManager/resolv.conf
      ${REAL} >/run/NetworkManager/no-stub-resolv.conf
      ln -s /run/NetworkManager/resolv.conf /etc/resolv.conf`,
    kept: KEPT,
    search: 'example.org',
  },
  {
    name: 'a link through /var/run',
    make: `
      mkdir -p /run/resolvconf
      ${REAL} >/run/resolvconf/resolv.conf
      ln -s ../var/run/resolvconf/resolv.conf /etc/resolv.conf`,
    kept: KEPT,
    search: 'example.org',
  },
  {
    name: 'a linked directory on the way',
    make: `
      mkdir -p /run/dns
      ${REAL} >/run/dns/resolv.conf
      ln -s ../run/dns /etc/dns
      ln -s dns/resolv.conf /etc/resolv.conf`,
    kept: KEPT,
    search: 'example.org',
  },
  {
    name: 'two links outside of /run',
    make: `
      mkdir /etc/dns.d
      ${REAL} >/etc/dns.d/real
      ln -s /etc/dns.d/real /etc/resolv.link
      ln -s resolv.link /etc/resolv.conf`,
    kept: KEPT,
    search: 'example.org',
  },
];

/** Everything that a change could show in: names, kinds, links, inodes, times and contents. */
const SNAPSHOT = `
  cd /
  for dir in etc run/systemd run/NetworkManager run/resolvconf run/dns; do
    [ -e "$dir" ] || continue
    find "$dir" -xdev -printf '%p %y %m %i %T@ %l\\n' | sort
    find "$dir" -xdev -type f -name '*resolv*' -exec md5sum {} + | sort
  done`;

const SETUP = `
  cover /etc
  rm -f /etc/resolv.conf
  cover_run systemd NetworkManager resolvconf dns
  mkdir -p /run/systemd/system
`;

/** With the mount of a command's own: what is at the end of the links, and what the file itself says. */
const LOOK = 'cat /etc/resolv.conf; stat -Lc %d:%i /etc/resolv.conf';

describe('resolv.conf', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  for (const { name, make, kept, search } of LAYOUTS) {
    it(`that is ${name} is ours inside, and the host's stays as it is`, async function () {
      const runtime = freshRuntimeDir(this);
      const host = await privateHost(runtime, SETUP + make);
      const before = await host.sh(SNAPSHOT);
      const hostText = await host.sh('cat /etc/resolv.conf');

      const inside = host.spawn(['run', '--', 'sh', '-c', `${LOOK}; echo end; exec sleep 60`]);
      const text = await printed(inside, 'end\n');
      const servers = [...text.matchAll(/^nameserver (\S+)$/gm)].map(([, server]) => server);
      expect(servers).to.deep.equal(['169.254.1.1', ...kept]);
      expect(/^search (.*)$/m.exec(text)?.[1]).to.equal(search);
      expect((await statusOf(runtime.env)).nameservers).to.deep.equal(servers);

      // Nothing shows on the host, neither while a command runs nor afterwards.
      expect(await host.sh('cat /etc/resolv.conf')).to.equal(hostText);
      inside.child.kill();
      await inside.ended;
      const stopped = await host.run(['stop']);
      expect({ status: stopped.status, stderr: stopped.stderr }).to.deep.equal({ status: 0, stderr: '' });
      expect(await host.sh(SNAPSHOT)).to.equal(before);
      expect(await host.sh('grep -c rnetns/default /proc/self/mountinfo || :')).to.equal('0\n');
    });
  }

  it("stays ours while systemd-resolved removes and makes its stub anew (podman's issue 10929)", async function () {
    const runtime = freshRuntimeDir(this);
    const resolved = LAYOUTS.find(({ name }) => name.includes('systemd-resolved'))!;
    const host = await privateHost(runtime, SETUP + resolved.make);
    const inside = host.spawn([
      'run',
      '--',
      'sh',
      '-c',
      'echo up; while read -r _; do cat /etc/resolv.conf; echo end; done',
    ]);
    await printed(inside, 'up\n');
    inside.child.stdin?.write('\n');
    const first = await printed(inside, 'end\n');
    expect(first).to.include('nameserver 169.254.1.1');

    await host.sh(`
      cd /run/systemd/resolve
      rm stub-resolv.conf
      printf 'nameserver 127.0.0.53\\n' >new
      mv new stub-resolv.conf
      printf 'nameserver 127.0.0.53\\n' >newer
      mv newer stub-resolv.conf`);
    inside.child.stdin?.write('\n');
    const second = await printed(inside, /end\n[^]*end\n/);
    expect(second).to.equal(`${first}${first.replace('up\n', '')}`);
    const warm = await host.run(['run', '--', 'cat', '/etc/resolv.conf']);
    expect(`up\n${warm.stdout}end\n`).to.equal(first);
    inside.child.stdin?.end();
    expect(await inside.ended).to.deep.equal({ status: 0, signal: null });
  });

  it('that is not there at all is no obstacle', async function () {
    const runtime = freshRuntimeDir(this);
    const host = await privateHost(runtime, SETUP);
    const { status, stdout, stderr } = await host.run(['run', '--', 'echo', 'ran']);
    expect({ status, stdout, stderr }).to.deep.equal({ status: 0, stdout: 'ran\n', stderr: '' });
  });

  it('that links into /run where nothing is, is ours inside (systemd-resolved disabled)', async function () {
    const runtime = freshRuntimeDir(this);
    const host = await privateHost(runtime, `${SETUP}ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf`);
    const { stdout, stderr } = await host.run(['run', '--', 'cat', '/etc/resolv.conf']);
    expect(stderr).to.equal('');
    expect(stdout).to.include('nameserver 169.254.1.1');
  });

  it('that is a directory is an error that names it, and nothing is left', async function () {
    const runtime = freshRuntimeDir(this);
    const host = await privateHost(runtime, `${SETUP} mkdir /etc/resolv.conf`);
    const { status, stderr } = await host.run(['run', '--', 'true']);
    expect(status).to.equal(125);
    expect(stderr).to.match(/^rnetns: .*\/etc\/resolv\.conf.*it is a directory\nhint: sudo rmdir \/etc\/resolv\.conf/);
  });

  it('that is a loop of links is an error that names it, and nothing is left', async function () {
    const runtime = freshRuntimeDir(this);
    const host = await privateHost(
      runtime,
      `${SETUP}ln -s resolv.loop /etc/resolv.conf; ln -s resolv.conf /etc/resolv.loop`,
    );
    const { status, stderr } = await host.run(['run', '--', 'true']);
    expect(status).to.equal(125);
    expect(stderr).to.match(/^rnetns: .*\/etc\/resolv\.conf.*links.*\nhint: /);
    expect(await host.sh('ls "$XDG_RUNTIME_DIR/rnetns" 2>/dev/null || :')).to.equal('');
  });

  it('has the servers, searches and options of the settings', async function () {
    const runtime = freshRuntimeDir(this);
    runtime.configure(
      [
        '[network]',
        ...['dns_servers[] = 192.0.2.77', 'dns_searches[] = a.example', 'dns_searches[] = b.example'],
        ...['dns_options[] = ndots:3', ''],
      ].join('\n'),
    );
    const host = await privateHost(runtime, `${SETUP}${LAYOUTS[0]!.make}`);
    const { stdout } = await host.run(['run', '--', 'cat', '/etc/resolv.conf']);
    expect(stdout).to.include('search a.example b.example\n').and.include('options ndots:3\n');
    expect(stdout).to.include('nameserver 192.0.2.77\n').and.include('nameserver 198.51.100.53\n');
  });
});
