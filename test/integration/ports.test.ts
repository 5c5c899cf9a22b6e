/** Ports of the namespace on the host: whose they are, what stands against them, and what no command inside gets by them. */

import { expect } from 'chai';
import { errnoCode } from '../../src/config/errno.js';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { StateDirectory } from '../../src/state/directory.js';
import { printed, statusOf } from '../fixtures/netns-facts.js';
import {
  ask,
  askDatagram,
  client,
  forwarderPids,
  listed,
  publish,
  publishOne,
  readAll,
  SERVER,
  startServer,
} from '../fixtures/ports.js';
import { privateHost } from '../fixtures/private-host.js';
import { alive, childrenOf, namespaceInode, stopNow, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run, spawnRnetns, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { tcpServer, udpServer } from '../fixtures/servers.js';
import { gone, killNow, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

const portCall = ({ env }: RuntimeDir, ...args: string[]): Promise<RunResult> => run(['port', ...args], { env });

/** Where the forwarder's files are, which commands don't see. */
function outsideOf(runtime: RuntimeDir): string {
  const state = runtime.stateDir();
  return new StateDirectory(dirname(state), basename(state)).outside;
}

function supervisorPid(runtime: RuntimeDir): number {
  return Number(readFileSync(join(outsideOf(runtime), 'supervisor'), 'utf8').split(' ')[0]);
}

/** Is the port of the host closed to us? */
async function isClosed(port: number): Promise<boolean> {
  try {
    (await client(port)).destroy();
    return false;
  } catch (error) {
    return errnoCode(error) === 'ECONNREFUSED';
  }
}

/** Promised are 1000 ms; the machine may be busy. */
async function closesSoon(port: number): Promise<void> {
  await waitFor(() => isClosed(port), { timeoutMs: 3000, what: `port ${port} to close` });
}

describe('a published port', () => {
  let runtime: RuntimeDir;
  beforeEach(function () {
    requires(this, 'userns', 'python3');
    runtime = freshRuntimeDir(this);
    runtime.configure('[network]\ndefault_rootless_network_cmd = none\n');
  });

  it('needs a namespace that is up', async () => {
    const { status, stderr } = await portCall(runtime, 'add', '80');
    expect({ status, stderr }).to.deep.include({ status: 125 });
    expect(stderr).to.match(/there is no namespace default\nhint: /);
  });

  it('goes with its reference, with its process, and with the namespace', async () => {
    await startServer(runtime, '0.0.0.0', 80);
    await run(['setup', '--id', 'web'], { env: runtime.env });
    const process = spawn('sleep', ['600']);
    onTestEnd(() => void process.kill('SIGKILL'));
    const ofReference = await publishOne(runtime, '--id', 'web', '80');
    const ofProcess = await publishOne(runtime, '--pid', String(process.pid), '80');
    const ofNamespace = await publishOne(runtime, '80');
    for (const port of [ofReference, ofProcess, ofNamespace])
      expect(await ask(port, 'who\n')).to.equal('169.254.77.77');
    await run(['teardown', '--id', 'web'], { env: runtime.env });
    await closesSoon(ofReference);
    process.kill('SIGKILL');
    await closesSoon(ofProcess);
    expect((await listed(runtime)).map(({ hostPort }) => hostPort)).to.deep.equal([ofNamespace]);
    const forwarders = forwarderPids(runtime);
    await run(['stop', '--force'], { env: runtime.env });
    expect(await isClosed(ofNamespace)).to.equal(true);
    expect(forwarders.filter(alive)).to.deep.equal([]);
  });

  it('is closed by `port delete`, by port and by reference, again without an error', async () => {
    await startServer(runtime, '0.0.0.0', 80);
    await run(['setup', '--id', 'web'], { env: runtime.env });
    const [one, two, three] = await publish(runtime, '--id', 'web', '80', '80', '80/udp');
    expect((await portCall(runtime, 'delete', String(one!.hostPort))).status).to.equal(0);
    expect(await isClosed(one!.hostPort)).to.equal(true);
    expect(await isClosed(two!.hostPort)).to.equal(false);
    for (let round = 0; round < 2; round += 1) {
      expect(await portCall(runtime, 'delete', '--id', 'web')).to.include({ status: 0, stdout: '', stderr: '' });
    }
    expect(await isClosed(two!.hostPort)).to.equal(true);
    expect(await listed(runtime)).to.deep.equal([]);
    expect(three!.protocol).to.equal('udp');
  });

  it('ends its connections with it', async () => {
    await startServer(runtime, '0.0.0.0', 80);
    const port = await publishOne(runtime, '80');
    const socket = await client(port);
    socket.write('sum\n');
    const end = readAll(socket).catch(errnoCode);
    await portCall(runtime, 'delete', String(port));
    expect(await end).to.equal('ECONNRESET');
  });

  it('is shown with its owner and to whom it is open', async () => {
    await startCommand(runtime);
    const port = await publishOne(runtime, '127.0.0.1::80');
    await publish(runtime, '81/udp');
    const { stdout } = await portCall(runtime, 'list');
    const row = new RegExp(`127\\.0\\.0\\.1:${port}/tcp +-> 80 +this machine +namespace +rnetns +namespace +0 clients`);
    expect(stdout).to.match(row);
    expect(stdout).to.match(/\*:\d+\/udp +-> 81 +the network/);
  });

  it('is counted, and shown by ps and graph', async () => {
    await startServer(runtime, '0.0.0.0', 80);
    const [tcp, udp] = await publish(runtime, '80', '80/udp');
    expect(await ask(tcp!.hostPort, 'who\n')).to.equal('169.254.77.77');
    expect(await askDatagram(udp!.hostPort, 'hello')).to.equal('169.254.77.77 hello');
    const inVain = await publishOne(runtime, '79');
    await ask(inVain, 'who\n').catch(String);
    const counted = await waitFor(
      async () => {
        const ports = await listed(runtime);
        return ports.every(({ protocol, clients }) => protocol === 'udp' || clients === 0) && ports;
      },
      { what: 'the clients to be gone' },
    );
    const counters = (hostPort: number) => counted.find((port) => port.hostPort === hostPort)?.counters;
    expect(counters(tcp!.hostPort)).to.deep.equal({ connections: 1, failed: 0, received: 4, sent: 13 });
    expect(counters(inVain)).to.include({ connections: 1, failed: 1, sent: 0 });
    const ofUdp = counters(udp!.hostPort)!;
    expect(ofUdp).to.include({ connections: 1, failed: 0 });
    expect(ofUdp.sent).to.be.at.least('169.254.77.77 hello'.length);

    const { stdout } = await run(['ps', '--json'], { env: runtime.env });
    expect((JSON.parse(stdout) as { ports: unknown }).ports).to.deep.equal(await listed(runtime));
    const inWords = await run(['ps'], { env: runtime.env });
    expect(inWords.stdout).to.match(
      new RegExp(`\\*:${tcp!.hostPort}/tcp .* rnetns +namespace +0 clients, 1 so far, 4 B in, 13 B out`),
    );
    const graph = await run(['graph'], { env: runtime.env });
    expect(graph.stdout)
      .to.include('─ 3 ports by rnetns\n')
      .and.match(/clients are +namespace/);
  });

  it('is not opened where something stands against it, and nothing else of that call is', async () => {
    await startCommand(runtime);
    await run(['run', '-n', 'other', '--', 'true'], { env: runtime.env });
    const server = createServer();
    server.listen(0, '0.0.0.0');
    await once(server, 'listening');
    onTestEnd(() => void server.close());
    const taken = (server.address() as AddressInfo).port;
    const published = await publishOne(runtime, '80');
    const refused: [string[], RegExp][] = [
      [['80', `${taken}:80`], new RegExp(`in use by .*\\(pid ${process.pid}\\)`)],
      [['80', `${published}:81`], /published already as \*:\d+\/tcp, for the namespace in the namespace default/],
      [['-n', 'other', `127.0.0.1:${published}:81`], /published already|there is no namespace other/],
      [['80', '192.0.2.199:8080:80'], /the host has no address 192.0.2.199\nhint: ip -brief/],
      [['80', '48000:80', '127.0.0.1:48000:81'], /asked for twice/],
      [['80', '80:80'], /ports below \d+ are root's\nhint: .*net.ipv4.ip_unprivileged_port_start/],
      [['80', '80:80/sctp'], /SCTP/],
      [['--id', 'nobody', '80'], /there is no reference nobody/],
      [['--pid', '999999999', '80'], /there is no process/],
      [['--id', 'a', '--pid', '1', '80'], /do not go together/],
      [['--proxy-protocol', 'v1', '80/udp'], /for published TCP ports/],
      [['80', '127.0.0.1:80'], /an address of the host or one inside/],
    ];
    for (const [args, why] of refused) {
      const { status, stderr } = await portCall(runtime, 'add', ...args);
      expect(stderr, args.join(' ')).to.match(why);
      expect(stderr).to.match(/^rnetns: .*\nhint: .*\n$/);
      expect(status).to.be.oneOf([2, 125]);
    }
    expect((await listed(runtime)).map(({ hostPort }) => hostPort)).to.deep.equal([published]);
  });

  it('is not a range that is longer than descriptors allow', async () => {
    await startCommand(runtime);
    const limited = ['-c', 'ulimit -n 200; exec "$0" port add 20000-20999:20000-20999', launcher];
    const { status, stderr } = await run(limited, { env: runtime.env, file: 'sh' });
    expect({ status, stderr }).to.deep.include({ status: 125 });
    expect(stderr).to.match(/1000 ports take more descriptors than the limit of 200 leaves\nhint: /);
  });

  it('is opened and closed without Node while the forwarder runs, and what is wrong is Node’s to say', async () => {
    await startServer(runtime, '0.0.0.0', 80);
    await run(['setup', '--id', 'web'], { env: runtime.env });
    const first = await publishOne(runtime, '80');
    const bin = join(runtime.env.XDG_CONFIG_HOME ?? '', 'bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'node'), '#!/bin/sh\nexit 77\n', { mode: 0o755 });
    const env = { ...runtime.env, PATH: `${bin}:${runtime.env.PATH ?? ''}` };
    const call = (...args: string[]): Promise<RunResult> => run(['port', ...args], { env });
    expect((await call('list')).status).to.equal(77);

    const added = await call('add', '--id', 'web', '127.0.0.1::80', '80/udp');
    expect(added).to.include({ status: 0, stderr: '' });
    const [, tcp = ''] = /^127\.0\.0\.1:(\d+)\/tcp -> 80\n\*:\d+\/udp -> 80\n$/.exec(added.stdout) ?? [];
    expect(await ask(Number(tcp), 'who\n')).to.equal('169.254.77.77');
    expect((await listed(runtime)).filter(({ owner }) => owner.id === 'web')).to.have.length(2);
    expect(await call('delete', tcp)).to.include({ status: 0, stdout: '', stderr: '' });
    expect(await isClosed(Number(tcp))).to.equal(true);
    expect(await call('delete', '--id', 'web')).to.include({ status: 0, stdout: '', stderr: '' });
    expect((await listed(runtime)).map(({ hostPort }) => hostPort)).to.deep.equal([first]);

    for (const args of [[`${first}:80`], ['--id', 'nobody', '80'], ['80/sctp'], ['x'], ['--json', '80']])
      expect((await call('add', ...args)).status, args.join(' ')).to.equal(77);
    expect((await listed(runtime)).map(({ hostPort }) => hostPort)).to.deep.equal([first]);
    expect(readdirSync(outsideOf(runtime)).filter((name) => name.startsWith('.answer'))).to.deep.equal([]);
    await killNow(...forwarderPids(runtime));
    expect((await call('delete', String(first))).status).to.be.oneOf([0, 77]);
  });

  it('opens and closes for eight callers while four thousand connections go to another one, and none fails', async () => {
    await startServer(runtime, '0.0.0.0', 80, 81);
    const port = await publishOne(runtime, '80');
    let changes = 0;
    const callers = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (changes < 200) {
          changes += 1;
          const { status, stdout } = await portCall(runtime, 'add', '127.0.0.1::81');
          expect(status).to.equal(0);
          const [, added = ''] = /:(\d+)\//.exec(stdout) ?? [];
          expect((await portCall(runtime, 'delete', added)).status).to.equal(0);
        }
      }),
    );
    let connections = 0;
    const clients = Array.from({ length: 16 }, async () => {
      while (connections < 4000) {
        connections += 1;
        expect(await ask(port, 'who\n')).to.equal('169.254.77.77');
      }
    });
    await Promise.all([callers, ...clients]);
    expect((await listed(runtime)).map(({ hostPort }) => hostPort)).to.deep.equal([port]);
  });

  it('is one of a thousand, as a range and as single ones by eight callers', async function () {
    await startServer(runtime, '0.0.0.0', 80);
    const many = await publish(runtime, '127.0.0.1::2000-2999');
    expect(many).to.have.lengthOf(1000);
    const socket = await client(await publishOne(runtime, '80'));
    socket.write('sum\n');
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let round = 0; round < 3; round += 1) {
          const port = await publishOne(runtime, '80');
          expect(await ask(port, 'who\n')).to.equal('169.254.77.77');
          expect((await portCall(runtime, 'delete', String(port))).status).to.equal(0);
        }
      }),
    );
    socket.end();
    expect(await readAll(socket)).to.match(/^[0-9a-f]{64}$/);
  });

  it('tells the server who the client is, where that is asked for', async () => {
    const server = await startServer(runtime, '0.0.0.0', 80);
    const port = await publishOne(runtime, '--proxy-protocol', 'v1', '80');
    const socket = await client(port);
    const { localPort } = socket;
    socket.end('who\n');
    await readAll(socket);
    await printed(server, `PROXY TCP4 127.0.0.1 127.0.0.1 ${localPort ?? 0} ${port}\n`);
  });

  it('keeps its connections when the connector is stopped, and is back when it dies', async () => {
    await startServer(runtime, '0.0.0.0', 80);
    const port = await publishOne(runtime, '80');
    const socket = await client(port);
    socket.write('sum\n');
    await waitFor(async () => (await listed(runtime))[0]?.clients === 1, { what: 'the client to be connected' });
    const connector = (): number => childrenOf(forwarderPids(runtime)[0]!)[0]!;
    const stopped = connector();
    process.kill(stopped, 'SIGSTOP');
    expect(await ask(port, 'who\n')).to.equal('169.254.77.77');
    expect(connector()).to.equal(stopped);
    socket.end();
    expect(await readAll(socket)).to.match(/^[0-9a-f]{64}$/);
    const other = await client(port);
    other.write('hold\n');
    const broken = readAll(other).catch(errnoCode);
    await waitFor(async () => (await listed(runtime))[0]?.clients === 1, { what: 'the client to be connected' });
    const begin = performance.now();
    await killNow(connector());
    await waitFor(() => ask(port, 'who\n').then(Boolean, () => false), { what: 'an answer after SIGKILL' });
    console.log(`      back ${(performance.now() - begin).toFixed(0)} ms after the death of the connector`);
    expect(await broken).to.be.oneOf(['', 'ECONNRESET']);
  });

  it('is there again without a call when the forwarder was killed, the supervisor too', async () => {
    await startServer(runtime, '0.0.0.0', 80);
    const port = await publishOne(runtime, '80');
    for (const killed of [
      'forwarder',
      'forwarder of a stopped connector',
      'forwarder and supervisor',
      'supervisor, then forwarder',
    ]) {
      const supervisor = supervisorPid(runtime);
      const [forwarder = 0] = forwarderPids(runtime);
      if (killed.endsWith('connector')) await stopNow(childrenOf(forwarder)[0]!);
      await killNow(
        ...(killed.includes('supervisor') ? [supervisor] : []),
        ...(killed.startsWith('forwarder') ? [forwarder] : []),
      );
      if (!killed.startsWith('forwarder')) {
        await waitFor(() => supervisorPid(runtime) !== supervisor, { what: 'another supervisor' });
        await killNow(forwarder);
      }
      const begin = performance.now();
      const answers = (): Promise<boolean> =>
        ask(port, 'who\n').then(
          (who) => who === '169.254.77.77',
          () => false,
        );
      // Its connector ends a moment later.
      await waitFor(async () => forwarderPids(runtime).some((pid) => pid !== forwarder) && (await answers()), {
        what: `an answer after the death of the ${killed}`,
      });
      console.log(`      back ${(performance.now() - begin).toFixed(0)} ms after the death of the ${killed}`);
    }
    expect(forwarderPids(runtime)).to.have.length(1);
    const other = await publishOne(runtime, '80');
    for (const each of [port, other]) expect(await ask(each, 'who\n')).to.equal('169.254.77.77');
  });

  it('is followed by the next call where nobody has noticed that the forwarder is dead', async () => {
    await startServer(runtime, '0.0.0.0', 80);
    const port = await publishOne(runtime, '80');
    const supervisor = supervisorPid(runtime);
    await stopNow(supervisor);
    await killNow(...forwarderPids(runtime));
    expect((await listed(runtime))[0]?.problem).to.equal('no forwarder runs');
    process.kill(supervisor, 'SIGCONT');
    const other = await publishOne(runtime, '80');
    for (const each of [port, other]) expect(await ask(each, 'who\n')).to.equal('169.254.77.77');
    expect(forwarderPids(runtime)).to.have.length(1);
  });

  it('does not mind damaged files, and its forwarder ends when there is none', async () => {
    await startServer(runtime, '0.0.0.0', 80);
    const directory = join(outsideOf(runtime), 'ports');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'publish+tcp+1234+any'), 'rnetns1 publish tcp');
    writeFileSync(join(directory, 'x'), '');
    mkdirSync(join(directory, 'directory'));
    const port = await publishOne(runtime, '80');
    expect(await ask(port, 'who\n')).to.equal('169.254.77.77');
    expect((await listed(runtime)).map(({ hostPort }) => hostPort)).to.deep.equal([port]);
    await portCall(runtime, 'delete', String(port));
    await waitFor(() => forwarderPids(runtime).length === 0, { what: 'the forwarder to end' });
    expect(await ask(await publishOne(runtime, '80'), 'who\n')).to.equal('169.254.77.77');
  });

  it('shows clients of another machine by an address of the namespace, and reaches it from there', async () => {
    const host = await privateHost(
      runtime,
      `
ip link set lo up
unshare --net sleep 600 & machine=$!
while [ "/proc/$machine/ns/net" -ef /proc/self/ns/net ]; do sleep 0.01; done
echo $machine >"$TMP/machine"
ip link add out type veth peer name out netns $machine
ip addr add 192.0.2.1/24 dev out; ip addr add 2001:db8::1/64 dev out nodad; ip link set out up
nsenter --net=/proc/$machine/ns/net sh -c 'ip link set lo up; ip addr add 192.0.2.2/24 dev out
ip addr add 2001:db8::2/64 dev out nodad; ip link set out up'
`,
      { net: true },
    );
    const server = host.spawn(['run', '--', 'python3', '-c', SERVER, '0.0.0.0', '80']);
    await printed(server, 'up\n');
    const { status, stderr } = await host.run(['port', 'add', '8080:80', '8080:80/udp']);
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const ASK = `
import socket, sys
for address in sys.argv[1:]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.create_connection((address, 8080), 5); s.sendall(b"who\\n"); print(s.recv(99).decode())
    u = socket.socket(family, socket.SOCK_DGRAM); u.settimeout(5); u.connect((address, 8080)); u.send(b"x"); print(u.recv(99).decode())
`;
    const addresses = ['192.0.2.1', '2001:db8::1'];
    const shown = '169.254.77.77\n169.254.77.77 x\n';
    const fromHost = await host.sh('exec python3 -c "$@"', [ASK, '127.0.0.1', '::1', ...addresses]);
    expect(fromHost).to.equal(shown.repeat(4));
    const inMachine = 'pid=$(cat /tmp/rnetns-host.*/machine) && exec nsenter --net=/proc/$pid/ns/net python3 -c "$@"';
    expect(await host.sh(inMachine, [ASK, ...addresses])).to.equal(shown.repeat(2));
    await host.sh('kill $(cat /tmp/rnetns-host.*/machine)');
  });
});

describe('a port of the host inside', () => {
  let runtime: RuntimeDir;
  beforeEach(function () {
    requires(this, 'userns', 'python3');
    runtime = freshRuntimeDir(this);
    runtime.configure('[network]\ndefault_rootless_network_cmd = none\n');
  });

  const TRY = `
import socket, sys
for word in sys.argv[1:]:
    kind, address, port = word.split(",")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    s.settimeout(3)
    try:
        s.connect((address, int(port)))
        if kind == "udp": s.send(b"x")
        print(s.recv(99).decode() or "ended")
    except OSError as e: print("nothing")
`;

  for (const host of ['127.0.0.1', '::1']) {
    it(`is that of the service on ${host}, at both loopbacks, and no other port`, async () => {
      const [tcp, udp, other] = [
        await tcpServer('tcp', host),
        await udpServer('udp', host),
        await tcpServer('no', host),
      ];
      await startCommand(runtime);
      await publish(runtime, '--to-host', String(tcp.port), `${udp.port}/udp`);
      const words = ['127.0.0.1', '::1'].flatMap((address) => [
        ...[`tcp,${address},${tcp.port}`, `udp,${address},${udp.port}`, `tcp,${address},${other.port}`],
      ]);
      const { stdout } = await run(['run', '--', 'python3', '-c', TRY, ...words], { env: runtime.env });
      expect(stdout).to.equal('tcp\nudp\nnothing\ntcp\nudp\nnothing\n');
      expect(other.arrivals()).to.equal(0);
      await portCall(runtime, 'delete', '--to-host', String(tcp.port), `${udp.port}/udp`);
      const after = await run(['run', '--', 'python3', '-c', TRY, words[0]!], { env: runtime.env });
      expect(after.stdout).to.equal('nothing\n');
    });
  }

  it('is refused where something inside has it, and ends where nothing has it on the host', async () => {
    await startServer(runtime, '127.0.0.1', 4000);
    const { status, stderr } = await portCall(runtime, 'add', '--to-host', '4000');
    expect({ status, stderr }).to.deep.include({ status: 125 });
    expect(stderr).to.include('something inside listens on 4000 already');
    await publish(runtime, '--to-host', '9');
    const { stdout } = await run(['run', '--', 'python3', '-c', TRY, 'tcp,127.0.0.1,9'], { env: runtime.env });
    expect(stdout).to.match(/^(nothing|ended)\n$/);
  });

  it('gives a command inside nothing but that: no socket of the host, no socket to ask, no process to trace', async () => {
    const service = await tcpServer();
    await startServer(runtime, '0.0.0.0', 80);
    await publish(runtime, '--to-host', String(service.port));
    const port = await publishOne(runtime, '80');
    await client(port);
    const [forwarder] = forwarderPids(runtime);
    const [connector] = childrenOf(forwarder!);
    const outside = outsideOf(runtime);
    expect(readdirSync(outside)).to.include('ports.sock');
    const script = `
ls -A "$1"
for pid in "$2" "$3"; do
  readlink "/proc/$pid/fd/0" && echo "sees descriptors of $pid"
  ls "/proc/$pid/root/" >/dev/null 2>&1 && echo "enters $pid"
  nsenter --target "$pid" --net true 2>/dev/null && echo "enters the network of $pid"
  head -c 1 "/proc/$pid/mem" >/dev/null 2>&1 && echo "reads $pid"
done
python3 -c '
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
for pid in map(int, sys.argv[1:]):
    process = libc.syscall(434, pid, 0) # pidfd_open(2)
    for fd in range(64):
        if libc.syscall(438, process, fd, 0) >= 0: print("has descriptor", fd, "of", pid) # pidfd_getfd(2)
' "$2" "$3"
nsenter --target "$3" --user true 2>/dev/null && echo "enters the connector's user namespace"
"$4" port add 81 2>&1 | grep -c published
exit 0`;
    const words = [outside, String(forwarder), String(connector), '/nonexistent'];
    const { stdout } = await run(['run', '--', 'sh', '-c', script, 'sh', ...words], { env: runtime.env });
    expect(stdout).to.equal('0\n');
    // What has the host's sockets is in O, the connector too.
    expect(namespaceInode(forwarder!)).to.equal(namespaceInode('self'));
    expect(namespaceInode(connector!)).not.to.equal(namespaceInode('self'));
    expect(namespaceInode(connector!, 'user')).to.equal(namespaceInode(forwarder!, 'user'));
  });
});

describe('the ports of a command, and of a reference', () => {
  let runtime: RuntimeDir;
  beforeEach(function () {
    requires(this, 'userns', 'python3');
    runtime = freshRuntimeDir(this);
    runtime.configure('[rnetns]\nlinger = 0\n[network]\ndefault_rootless_network_cmd = none\n');
  });

  const serve = (...options: string[]) =>
    spawnRnetns(['run', ...options, '--', 'python3', '-c', SERVER, '0.0.0.0', '80', '81'], { env: runtime.env });
  /** `*:40123/tcp -> :80`, as it is said on stderr. */
  const chosen = (stderr: string): number[] => [...stderr.matchAll(/:(\d+)\/tcp -> /g)].map(([, port]) => Number(port));
  const call = (...args: string[]): Promise<RunResult> => run(args, { env: runtime.env });

  it('of run -p are open before the command starts, are its own, and close when it ends', async () => {
    const server = serve('-p', '80', '--publish=127.0.0.1::81');
    await printed(server, 'up\n');
    const [first = 0, second = 0] = chosen(server.stderr());
    expect(await ask(first, 'who\n')).to.not.equal('');
    expect(await ask(second, 'who\n')).to.not.equal('');
    expect((await statusOf(runtime.env)).ports).to.deep.equal(await listed(runtime));
    const owners = (await listed(runtime)).map(({ owner, hostIp }) => ({ ...owner, hostIp }));
    expect(owners).to.have.deep.members([
      { kind: 'process', id: null, pid: server.pid, hostIp: '' },
      { kind: 'process', id: null, pid: server.pid, hostIp: '127.0.0.1' },
    ]);
    process.kill(server.pid, 'SIGKILL');
    await Promise.all([first, second].map(closesSoon));
    await gone(runtime);
  });

  it('of run -p say nothing where the port was given, and the status is the command’s', async () => {
    const [port = 0] = chosen((await call('run', '-p', '80', '--', 'true')).stderr);
    const { status, stdout, stderr } = await call(
      'run',
      `-p127.0.0.1:${port}:80`,
      '--',
      'sh',
      '-c',
      'echo out; exit 3',
    );
    expect({ status, stdout, stderr }).to.deep.equal({ status: 3, stdout: 'out\n', stderr: '' });
    await gone(runtime);
  });

  it('that cannot be had are refused before anything is made', async () => {
    const taken = await tcpServer();
    for (const [args, status, words] of [
      [['run', '-p', `127.0.0.1:${taken.port}:80`, '--', 'true'], 125, /cannot publish .*: it is in use/],
      [['setup', '--id', 'a', '-p', `127.0.0.1:${taken.port}:80`], 125, /cannot publish .*: it is in use/],
      [['run', '-p', '80/sctp', '--', 'true'], 2, /sctp/],
      [['run', '-p', '1 2', '--', 'true'], 2, /bad port '1 2'/],
      [['run', '-p'], 2, /-p needs a value/],
      [['teardown', '--id', 'a', '-p', '80'], 2, /unknown option -p/],
      [['unshare', '-p', '80', '--', 'true'], 2, /unknown option -p/],
    ] as const) {
      const result = await call(...args);
      expect(result, args.join(' ')).to.include({ status, stdout: '' });
      expect(result.stderr, args.join(' ')).to.match(words);
      expect(existsSync(join(runtime.dir, 'rnetns', 'default')), args.join(' ')).to.be.false;
    }
  });

  it('of setup -p are the reference’s: those of the last setup count, and they close with it', async () => {
    await startServer(runtime, '0.0.0.0', 80);
    const [first = 0] = chosen((await call('setup', '--id', 'web', '-p', '80')).stderr);
    expect(await ask(first, 'who\n')).to.not.equal('');
    const [second = 0] = chosen((await call('setup', '--id', 'web', '-p', '127.0.0.1::80')).stderr);
    expect(await ask(second, 'who\n')).to.not.equal('');
    await closesSoon(first);
    expect((await listed(runtime)).map(({ owner }) => owner)).to.deep.equal([
      { kind: 'reference', id: 'web', pid: null },
    ]);
    expect(await call('teardown', '--id', 'web')).to.include({ status: 0, stderr: '' });
    await closesSoon(second);
  });

  it('of setup -p that another one has leave nothing counted, and what was counted before as it was', async () => {
    const command = await startCommand(runtime);
    const port = await publishOne(runtime, '127.0.0.1::80');
    const failed = await call('setup', '--id', 'web', '-p', `127.0.0.1:${port}:80`);
    expect(failed.status).to.equal(125);
    expect(failed.stderr).to.match(/cannot publish .*published already/);
    expect((await statusOf(runtime.env)).references).to.deep.equal([]);
    expect(await call('setup', '--id', 'old')).to.include({ status: 0 });
    expect((await call('setup', '--id', 'old', '-p', `127.0.0.1:${port}:80`)).status).to.equal(125);
    expect((await statusOf(runtime.env)).references).to.have.length(1);
    expect(await call('teardown', '--id', 'old')).to.include({ status: 0 });
    await command.finish();
    await gone(runtime);
  });
});
