/** A host that changes its networks while commands run: what a namespace says and has is looked at again, and mended. */

import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { printed } from '../fixtures/netns-facts.js';
import { IPV4, naming, playedHost, SERVERS } from '../fixtures/played-network.js';
import { waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';

const [FIRST, SECOND, THIRD] = SERVERS;

/** As a resolver that reads resolv.conf for each question: prints the answer when it is another one, four times a second. */
const ASKING = `
import socket, time
last = ''
while True:
  try: lines = list(open('/etc/resolv.conf'))
  except OSError: lines = []
  for line in lines[:3]:
    if not line.startswith('nameserver '): continue
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.1)
    try:
      s.connect((line.split()[1], 53)); s.send(b'\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\1a\\0\\0\\1\\0\\1'); d = s.recv(2000)
    except OSError: continue
    answer = socket.inet_ntoa(d[-4:])
    if answer != last: print(answer)
    last = answer
    break
  time.sleep(0.05)
`;

describe('a host that changes', () => {
  const watcherOf = async (host: { sh: (script: string) => Promise<string> }): Promise<string | undefined> => {
    const all = await host.sh(
      'for p in /proc/[0-9]*; do if [ "$p/ns/net" -ef /proc/self/ns/net ]; then echo "$(cat "$p/comm")" "${p#/proc/}"; fi; done 2>/dev/null',
    );
    return [...all.matchAll(/^inotifywait (\d+)$/gm)].map(([, pid]) => pid).join(' ') || undefined;
  };

  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'python3');
  });

  it('its name servers: status and doctor say that resolv.conf is stale, repair writes it in place', async function () {
    const host = await playedHost(freshRuntimeDir(this), [FIRST]);
    const inside = host.spawn([
      'run',
      '--',
      'sh',
      '-c',
      'cat /etc/resolv.conf; while read -r _; do cat /etc/resolv.conf; echo end; done',
    ]);
    await printed(inside, `nameserver ${FIRST}\n`);
    expect((await host.status()).stale).to.deep.equal([]);
    // Else the supervisor does it.
    const { supervisor } = await host.status();
    process.kill(supervisor?.pid ?? 0, 'SIGSTOP');
    await host.resolvConf(`search example.org\n${naming(SECOND)}`);
    const { stale } = await host.status();
    expect(stale?.map(({ what }) => what)).to.deep.equal(['resolv.conf', 'redirect']);
    expect((await host.run(['status'])).stdout).to.match(
      new RegExp(`problem .*resolv.conf names .*${FIRST}.*${SECOND}: rnetns repair`),
    );
    const doctor = JSON.parse((await host.run(['doctor', '--json', '--check', 'dns'])).stdout) as {
      checks: { status: string; detail: string }[];
    };
    expect(doctor.checks[0]?.status).to.equal('warn');
    expect(doctor.checks[0]?.detail).to.include('resolv.conf names');
    expect((await host.run(['repair'])).stdout).to.match(/resolv.conf names .*: written again/);
    inside.child.stdin?.write('\n');
    const text = await printed(inside, 'end\n');
    expect(text.slice(text.indexOf('search'))).to.equal(`search example.org\n${naming(SECOND)}end\n`);
    expect(await host.status()).to.deep.include({ stale: [], nameservers: [SECOND], dnsForwardIps: [] });
    expect((await host.run(['repair'])).stdout).to.equal('nothing to mend\n');
    // Back again: the driver's forwarder asks that one still.
    await host.resolvConf(naming(FIRST, SECOND));
    await waitFor(async () => (await host.status()).nameservers?.join() === `169.254.1.1,${FIRST},${SECOND}`, {
      what: 'the forwarder',
    });
  });

  it('its name servers to none, or a file that is none: what was there last stays', async function () {
    const host = await playedHost(freshRuntimeDir(this), [FIRST]);
    const inside = host.spawn(['run', '--', 'sh', '-c', 'echo up; exec sleep 60']);
    await printed(inside, 'up\n');
    const before = (await host.status()).nameservers;
    for (const way of [
      'true >/etc/resolv.conf',
      'rm /etc/resolv.conf',
      'mkdir /etc/resolv.conf',
      'rmdir /etc/resolv.conf; yes "nameserver 192.0.2.54" | head -c 1000000 >/etc/resolv.conf',
      'echo nameserver 127.0.0.1 >/etc/resolv.conf',
    ]) {
      await host.sh(way);
      expect(await host.status(), way).to.deep.include({ stale: [], nameservers: before });
    }
    const { stderr, status } = await host.run(['repair']);
    expect(status).to.equal(0);
    expect(stderr).to.match(/resolv.conf stays as it is: the host asks 127.0.0.1/);
    expect((await host.status()).nameservers).to.deep.equal(before);
  });

  /** The text goes in as "$1". */
  const WAYS = [
    ['in place', 'printf %s "$1" >/etc/resolv.conf', ''],
    ['by a rename', 'printf %s "$1" >/etc/new; mv /etc/new /etc/resolv.conf', ''],
    [
      'by a backup that is moved back, and older',
      'printf %s "$1" >/etc/old; touch -d 2020-01-01 /etc/old; mv /etc/old /etc/resolv.conf',
      '',
    ],
    [
      'by a link that is led elsewhere',
      'mkdir -p /etc/other; printf %s "$1" >/etc/other/resolv.conf; ln -s other/resolv.conf /etc/link; mv -T /etc/link /etc/resolv.conf',
      '',
    ],
    [
      "in systemd-resolved's directory, by a rename",
      'printf %s "$1" >/run/systemd/resolve/new; mv /run/systemd/resolve/new /run/systemd/resolve/stub-resolv.conf',
      `cover_run systemd; mkdir -p /run/systemd/resolve; mv /etc/resolv.conf /run/systemd/resolve/stub-resolv.conf
      ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf`,
    ],
    [
      'in a file that is mounted there, as in containers',
      'printf %s "$1" >/etc/resolv.conf',
      'mkdir "$TMP/mounted"; mv /etc/resolv.conf "$TMP/mounted/file"; : >/etc/resolv.conf; mount --bind "$TMP/mounted/file" /etc/resolv.conf',
    ],
    [
      'in a directory that is removed and made again',
      'rm -r /run/dns; sleep 0.5; mkdir /run/dns; sleep 0.5; printf %s "$1" >/run/dns/resolv.conf',
      'cover_run dns; mkdir /run/dns; mv /etc/resolv.conf /run/dns/resolv.conf; ln -s /run/dns/resolv.conf /etc/resolv.conf',
    ],
  ] as const;

  for (const watcher of ['inotifywait', 'looking']) {
    for (const [what, way, layout] of WAYS) {
      it(`its name servers ${what}: by ${watcher}, commands that run ask the new ones soon`, async function () {
        if (watcher === 'inotifywait') requires(this, 'inotifywait');
        const runtime = freshRuntimeDir(this);
        const hidden =
          watcher === 'inotifywait' ? '' : 'mount --bind /bin/false "$(command -v inotifywait || echo /bin/false)"\n';
        const host = await playedHost(runtime, [FIRST], `${hidden}${IPV4}\n${layout}`);
        await host.serve(FIRST);
        const inside = host.spawn(['run', '--', 'python3', '-u', '-c', ASKING]);
        await printed(inside, `${FIRST}\n`);
        const { driver } = await host.status();
        // Past the first moments, in which a new namespace is not watched.
        await sleep(1500);
        await host.serve(SECOND);
        await host.resolvConf(naming(SECOND), way);
        const before = Date.now();
        await printed(inside, `${SECOND}\n`);
        const late = watcher === 'inotifywait' ? 0 : 2000;
        expect(Date.now() - before, 'ms until an answer, of 2 s, and 2 more between looks').to.be.below(2000 + late);
        expect((await host.run(['run', '--', 'cat', '/etc/resolv.conf'])).stdout).to.include(naming(SECOND));
        const status = await host.status();
        expect(status).to.deep.include({ stale: [], nameservers: [SECOND] });
        expect(status.driver).to.deep.include({ pid: driver?.pid, restarts: 0 });
        expect((await host.run(['repair'])).stdout).to.equal('nothing to mend\n');
      });
    }
  }

  it('a resolver that comes and goes: from servers to 127.0.0.53 by a link, and back, also for commands that run', async function () {
    const host = await playedHost(
      freshRuntimeDir(this),
      [FIRST],
      `cover_run systemd; mkdir -p /run/systemd/resolve; ${IPV4}`,
    );
    await host.serve(FIRST);
    const inside = host.spawn(['run', '--', 'python3', '-u', '-c', ASKING]);
    await printed(inside, `${FIRST}\n`);
    await sleep(1500);
    await host.serve(SECOND);
    await host.resolvConf(
      naming(SECOND),
      `printf %s "$1" >/run/systemd/resolve/resolv.conf
      echo nameserver 127.0.0.53 >/run/systemd/resolve/stub-resolv.conf
      ln -s ../run/systemd/resolve/stub-resolv.conf /etc/link; mv -T /etc/link /etc/resolv.conf`,
    );
    await printed(inside, `${SECOND}\n`, 2000);
    const show = ['run', '--', 'cat', '/etc/resolv.conf'];
    expect((await host.run(show)).stdout)
      .to.include(naming(SECOND))
      .and.not.include('127.0.0.53');
    // A keeper that is started again finds its way as well.
    const { keeper } = await host.status();
    await host.sh(`kill -9 ${keeper?.pid ?? 0}`);
    expect((await host.run(show)).stdout).to.include(naming(SECOND));
    // resolved writes its stub again, without a change.
    await host.sh('cd /run/systemd/resolve; cp stub-resolv.conf new; mv new stub-resolv.conf');
    await host.serve(THIRD);
    await host.resolvConf(naming(THIRD), 'printf %s "$1" >/etc/new; mv -T /etc/new /etc/resolv.conf');
    await printed(inside, `${THIRD}\n`, 2000);
    await waitFor(async () => (await host.status()).nameservers?.join() === THIRD, { what: 'the third server' });
    expect((await host.run(show)).stdout).to.include(naming(THIRD));
    expect((await host.run(['repair'])).stdout).to.equal('nothing to mend\n');
  });

  it('a resolv.conf that is none for a while: what was there stays, a line in the log, and it is followed afterwards', async function () {
    const host = await playedHost(freshRuntimeDir(this), [FIRST]);
    await host.serve(FIRST, SECOND);
    const inside = host.spawn(['run', '--', 'python3', '-u', '-c', ASKING]);
    await printed(inside, `${FIRST}\n`);
    await sleep(1500);
    const before = (await host.status()).nameservers;
    for (const [way, words] of [
      ['true >/etc/resolv.conf', 'names no server'],
      ['rm /etc/resolv.conf', "can't be read"],
      ['mkdir /etc/resolv.conf', ''],
      ['rmdir /etc/resolv.conf; yes nameserver 192.0.2.55 | head -c 1000000 >/etc/resolv.conf', '1000000 bytes'],
    ] as const) {
      const lines = (await host.log()).split('\n').length;
      await host.sh(way);
      await waitFor(
        async () =>
          (await host.log())
            .split('\n')
            .slice(lines - 1)
            .join()
            .includes(words),
        {
          timeoutMs: 4000,
          what: () => `${words} in the log after ${way}`,
        },
      );
      expect((await host.status()).nameservers, way).to.deep.equal(before);
    }
    await host.resolvConf(naming(SECOND));
    await printed(inside, `${SECOND}\n`, 3000);
  });

  /** A played host with a command inside, whose watcher has come. */
  async function watchedHost(context: Mocha.Context) {
    requires(context, 'inotifywait');
    const host = await playedHost(freshRuntimeDir(context), [FIRST]);
    await printed(host.spawn(['run', '--', 'sh', '-c', 'echo up; exec sleep 600']), 'up\n');
    const watchers = (): Promise<string | undefined> => watcherOf(host);
    return { host, watchers, first: await waitFor(watchers, { what: 'a watcher' }) };
  }

  it('its watcher killed: another one is started, and that is said', async function () {
    const { host, watchers, first } = await watchedHost(this);
    await host.sh(`kill -9 ${first}`);
    await waitFor(async () => (await host.log()).includes('watch'), { timeoutMs: 8000, what: 'a line in the log' });
    await host.resolvConf(naming(SECOND));
    await waitFor(async () => (await host.status()).nameservers?.join() === SECOND, { what: 'the new server' });
    await waitFor(async () => ![first, undefined].includes(await watchers()), { what: 'another watcher' });
  });

  it('its supervisor killed with all that could follow it: no watcher outlives them', async function () {
    const { host, watchers, first } = await watchedHost(this);
    const { supervisor } = await host.status();
    await host.sh(`kill -9 ${supervisor?.pid ?? 0}`);
    const next = await waitFor(async () => [await watchers()].find((pid) => pid !== undefined && pid !== first), {
      what: 'the watcher of the next one alone',
    });
    await host.sh(
      `read -r _ _ _ supervisor _ guard _ <"$XDG_RUNTIME_DIR/rnetns/default/live"; kill -9 $supervisor $guard`,
    );
    await waitFor(async () => (await watchers()) !== next, { what: 'the watcher to end with its supervisor' });
  });

  /** Asks by one socket that stays, as a resolver that has read resolv.conf once. */
  const ONE_SOCKET = `
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.2); s.connect(('169.254.1.1', 53)); last = ''
while True:
  try:
    s.send(b'\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\1a\\0\\0\\1\\0\\1'); answer = socket.inet_ntoa(s.recv(2000)[-4:])
    if answer != last: print(answer)
    last = answer
  except OSError: pass
  time.sleep(0.1)
`;
  const TABLES = 'PATH="$PATH:/usr/sbin" nsenter --net="/proc/$1/ns/net" nft list tables';

  it("its name servers, twice: what asks the driver's forwarder by one socket has answers of the new ones soon", async function () {
    requires(this, 'nft', 'conntrack');
    const host = await playedHost(freshRuntimeDir(this), [FIRST]);
    await host.serve(FIRST);
    const inside = host.spawn(['run', '--', 'python3', '-u', '-c', ONE_SOCKET]);
    await printed(inside, `${FIRST}\n`);
    await sleep(1500);
    for (const next of [SECOND, THIRD]) {
      await host.serve(next);
      await host.resolvConf(naming(next));
      await printed(inside, `${next}\n`, 3000);
    }
    expect((await host.status()).stale).to.deep.equal([]);
    // One that the driver asks itself: nothing is redirected any more.
    const { driver } = await host.status();
    await host.serve(FIRST);
    await host.resolvConf(naming(FIRST));
    await printed(inside, new RegExp(`${THIRD}\n${FIRST}\n`), 3000);
    expect(await host.sh(TABLES, [String(inside.pid)])).to.equal('');
    expect((await host.status()).driver).to.deep.include({ pid: driver?.pid, restarts: 0 });
  });

  it('its name servers without nft: status and the log say that not all follow', async function () {
    const hidden = 'mount --bind /dev/null "$(command -v nft)"';
    const host = await playedHost(freshRuntimeDir(this), [FIRST], `${IPV4}\n${hidden}`);
    const inside = host.spawn(['run', '--', 'sh', '-c', 'echo up; exec sleep 60']);
    await printed(inside, 'up\n');
    await host.resolvConf(naming(SECOND));
    await waitFor(async () => (await host.log()).includes('nft'), { what: 'a line in the log' });
    expect(await host.status()).to.deep.include({ nameservers: [SECOND] });
    expect((await host.run(['status'])).stdout).to.match(/problem .*169.254.1.1 to 192.0.2.54/);
    const { stdout } = await host.run(['doctor', '--json', '--check', 'dns']);
    expect((JSON.parse(stdout) as { checks: { detail: string }[] }).checks[0]?.detail).to.include('169.254.1.1');
  });

  it('300 changes, some of them within milliseconds: the last one is what is followed, and nothing is left', async function () {
    const host = await playedHost(freshRuntimeDir(this), [FIRST]);
    const inside = host.spawn(['run', '--', 'sh', '-c', 'echo up; exec sleep 60']);
    await printed(inside, 'up\n');
    await sleep(1500);
    const { supervisor } = await host.status();
    const children = (): Promise<string> => host.sh(`cat /proc/${supervisor?.pid ?? 0}/task/*/children | wc -w`);
    await host.sh(
      'for i in $(seq 300); do echo "nameserver 198.18.0.$((i % 250))" >/etc/new; mv /etc/new /etc/resolv.conf; [ $((i % 60)) != 0 ] || sleep 0.3; done',
    );
    await host.resolvConf(naming(THIRD));
    await waitFor(async () => (await host.status()).nameservers?.join() === THIRD, {
      timeoutMs: 4000,
      what: 'the last one',
    });
    await sleep(2000);
    expect((await host.run(['repair'])).stdout).to.equal('nothing to mend\n');
    // Those that wait, the watcher, driver and keeper, and a timer or two.
    expect(Number(await children())).to.be.below(14);
  });

  it('nothing: its watcher does not wake up', async function () {
    requires(this, 'inotifywait');
    const host = await playedHost(freshRuntimeDir(this), [FIRST]);
    const inside = host.spawn(['run', '--', 'sh', '-c', 'echo up; exec sleep 60']);
    await printed(inside, 'up\n');
    const watcher = await waitFor(async () => watcherOf(host), { what: 'a watcher' });
    await sleep(500);
    const switches = (): Promise<string> => host.sh(`grep ^voluntary /proc/${watcher}/status`);
    const before = await switches();
    await sleep(6000);
    expect(await switches()).to.equal(before);
  });

  it('its name servers, and then the driver is killed: the next one asks those of now, and its forwarder is back', async function () {
    const host = await playedHost(freshRuntimeDir(this), [FIRST]);
    await host.serve(SECOND);
    const inside = host.spawn(['run', '--', 'python3', '-u', '-c', ONE_SOCKET]);
    await waitFor(async () => (await host.status()).state !== 'down', { what: 'the namespace' });
    await sleep(1500);
    await host.resolvConf(naming(SECOND));
    await printed(inside, `${SECOND}\n`, 3000);
    const { driver } = await host.status();
    await host.sh(`kill -9 ${driver?.pid ?? 0}`);
    await waitFor(async () => (await host.status()).nameservers?.join() === `169.254.1.1,${SECOND}`, {
      what: 'the forwarder',
    });
    await waitFor(async () => (await host.sh(TABLES, [String(inside.pid)])) === '', { what: 'no table' });
    expect((await host.status()).stale).to.deep.equal([]);
  });

  for (const [what, servers, comes] of [
    ['name servers as ever', [FIRST], IPV4],
    ['name servers that come with it', [], `${IPV4}; echo nameserver ${FIRST} >/etc/resolv.conf`],
    ['name servers that come after it', [], `${IPV4}; sleep 3; echo nameserver ${FIRST} >/etc/resolv.conf`],
  ] as const) {
    it(`from no route to one, with ${what}: commands that run get answers, and what is said of it is true`, async function () {
      const host = await playedHost(freshRuntimeDir(this), servers, ':');
      await host.serve(FIRST);
      const inside = host.spawn(['run', '--', 'python3', '-u', '-c', ASKING]);
      await waitFor(async () => (await host.status()).state === 'degraded', { what: 'the namespace' });
      await sleep(1500);
      await host.sh(comes);
      await printed(inside, `${FIRST}\n`);
      await waitFor(
        async () => {
          const { state, stale, addresses } = await host.status();
          return state === 'running' && stale?.length === 0 && addresses?.join() === '198.51.100.2';
        },
        { what: 'a status that is true' },
      );
    });
  }
});
