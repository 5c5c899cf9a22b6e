/**
 * podman 5.4.2 as the caller of netavark, without podman: its command line and input as they were recorded, from a user and mount
 * namespace of its own as its are.
 */

import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { scratch, script } from '../fixtures/cni/plugins.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { launcher, PLAIN_SHELL } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone } from '../fixtures/shared-netns.js';

const ID = 'f5d12bedbdac284f98246dfa0befec81bf332483739a06333b5a25d861b2bb7a';

const network = (name: string, id: string, third: number) => ({
  name,
  id: id.repeat(64),
  driver: 'bridge',
  network_interface: `podman${third}`,
  created: '2026-11-27T23:12:00.236719852Z',
  subnets: [{ subnet: `10.89.${third}.0/24`, gateway: `10.89.${third}.1` }],
  ipv6_enabled: false,
  internal: false,
  dns_enabled: true,
  ipam_options: { driver: 'host-local' },
});

function request(...names: ('net2' | 'net3')[]): string {
  const known = { net2: network('net2', '2', 1), net3: network('net3', '3', 2) };
  const own = {
    net2: { static_ips: ['10.89.1.2'], aliases: ['f5d12bedbdac'], interface_name: 'eth0' },
    net3: { static_ips: ['10.89.2.2'], aliases: ['f5d12bedbdac'], interface_name: 'eth1' },
  };
  const only = (all: object) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name as 'net2')));
  return JSON.stringify({
    container_id: ID,
    container_name: 'c1',
    networks: only(own),
    container_hostname: 'f5d12bedbdac',
    network_info: only(known),
  });
}

interface Answer {
  status: number;
  stdout: string;
  stderr: string;
}

/** sh, as root of a new user namespace, with mounts that are seen there alone; $rnetns is ours, $netavark a link to it. */
function asPodman({ env, dir }: RuntimeDir, body: string): Promise<Answer> {
  const prelude = `podman="--config $XDG_RUNTIME_DIR/containers/networks --rootless=true --aardvark-binary=$aardvark"
    mkdir -p "$XDG_RUNTIME_DIR/containers/networks" "$XDG_RUNTIME_DIR/netns"
    mount -t tmpfs tmpfs "$XDG_RUNTIME_DIR/netns"
    netns=$XDG_RUNTIME_DIR/netns/netns-ea3d8914-c239-f2aa-4835-cfc6fab305b3
    : >"$netns" && unshare --net="$netns" true
    fail() { echo "failed: $*"; exit 1; }
    `;
  const cleanUp = `
    umount -l "$netns" "$XDG_RUNTIME_DIR/netns"; rmdir "$XDG_RUNTIME_DIR/containers/networks" "$XDG_RUNTIME_DIR/containers"
    rmdir "$XDG_RUNTIME_DIR/netns"; exit 0`;
  const helpers = env.helpers ?? '';
  return new Promise((resolve) => {
    execFile(
      'unshare',
      ['--user', '--map-root-user', '--mount', '--propagation', 'private', PLAIN_SHELL, '-c', prelude + body + cleanUp],
      {
        env: {
          ...env,
          rnetns: launcher,
          netavark: join(helpers, 'netavark'),
          aardvark: findProgram('aardvark-dns') ?? '/usr/lib/podman/aardvark-dns',
        },
        cwd: dir,
        timeout: 90_000,
      },
      (error, stdout, stderr) => resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}

/** rnetns is among podman's helper binaries as netavark, and those are ours as well. */
function fresh(context: Mocha.Context): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  const helpers = scratch();
  symlinkSync(launcher, join(helpers, 'netavark'));
  const directories = [helpers, '/usr/lib/podman'].map((each) => `helper_binaries_dir[] = ${each}\n`).join('');
  runtime.configure(`[engine]\n${directories}[rnetns]\nlinger = 0\n`);
  return { ...runtime, env: { ...runtime.env, helpers } };
}

describe('podman', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'netavark');
  });

  it('calls a link to rnetns as netavark: setup, connect, update, disconnect and teardown', async function () {
    const runtime = fresh(this);
    const call = (act: string, input: string) =>
      `printf %s '${input}' | "$netavark" $podman ${act} "$netns" || fail ${act}\n`;
    const { status, stdout, stderr } = await asPodman(
      runtime,
      [
        call('setup', request('net2')),
        call('setup', request('net3')),
        'nsenter --net="$netns" ip -brief addr || fail ip\n',
        'echo null | "$netavark" $podman update net2 --network-dns-servers 9.9.9.9 || fail update\n',
        'head -n 1 "$XDG_RUNTIME_DIR/rnetns/default/netavark/aardvark-dns/net2"\n',
        'echo null | "$netavark" $podman update other --network-dns-servers 9.9.9.9 || fail update of another\n',
        call('teardown', request('net3')),
        'echo "left: $(nsenter --net="$netns" ip -brief link | cut -d@ -f1 | tr "\\n" " ")"\n',
        call('teardown', request('net2')),
        'echo null | "$netavark" $podman update net2 --network-dns-servers 9.9.9.9 || fail update when down\n',
      ].join(''),
    );
    expect(status, stdout + stderr).to.equal(0);
    expect(stderr).to.not.match(/^rnetns:/m);
    expect(stdout).to.match(/^\{"net2":\{.*"ipnet":"10\.89\.1\.2\/24"/);
    expect(stdout)
      .to.match(/^eth0@.* 10\.89\.1\.2\/24 /m)
      .and.match(/^eth1@.* 10\.89\.2\.2\/24 /m);
    expect(stdout).to.match(/^10\.89\.1\.1 9\.9\.9\.9$/m);
    expect(stdout)
      .to.match(/^left: lo .*eth0/m)
      .and.not.match(/^left: .*eth1/m);
    await gone(runtime);
  });

  it('shows our words when rnetns fails as its netavark', async function () {
    const runtime = fresh(this);
    const input = request('net2');
    const bad = `printf %s '${input}' | RNETNS_CONFIG=/nonexistent.conf "$netavark" $podman setup "$netns"; echo "status $?"\n`;
    const wrong = `echo '{}' | "$netavark" $podman setup "$netns"; echo "status $?"\n`;
    const unknown = `echo '{}' | "$netavark" $podman --no-such-option setup "$netns"; echo "status $?"\n`;
    const { stdout } = await asPodman(runtime, bad + wrong + unknown);
    const lines = stdout.trim().split('\n');
    expect(
      lines.filter((line) => line.startsWith('status')),
      stdout,
    ).to.deep.equal(['status 125', 'status 2', 'status 2']);
    const errors = lines
      .filter((line) => line.startsWith('{'))
      .map((line) => (JSON.parse(line) as { error: string }).error);
    expect(errors[0]).to.include('/nonexistent.conf');
    expect(errors[1]).to.include('container_id');
    expect(errors[2]).to.include('--no-such-option');
  });

  it('gives its aardvark-dns and its plugin directories, which netavark gets', async function () {
    const runtime = fresh(this);
    const helpers = runtime.env.helpers ?? '';
    const real = scratch();
    script(
      join(real, 'netavark'),
      'echo "$*" >>"$0.calls"; mkdir -p "$2/aardvark-dns"; : >"$2/aardvark-dns/net2"; echo "{}"',
    );
    runtime.configure(
      `[engine]\nhelper_binaries_dir[] = ${helpers}\nhelper_binaries_dir[] = ${real}\n[rnetns]\nlinger = 0\n`,
    );
    const all = '$podman --plugin-directory /a --plugin-directory /b';
    const { stdout, status } = await asPodman(
      runtime,
      `printf %s '${request('net2')}' | "$netavark" ${all} setup "$netns"
      echo null | "$netavark" $podman update net2 --network-dns-servers '' || fail update to none
      printf %s '${request('net2')}' | "$netavark" ${all} teardown "$netns"
      cat ${real}/netavark.calls`,
    );
    expect(status, stdout).to.equal(0);
    const given = `--config ${runtime.stateDir()}/netavark --rootless true --aardvark-binary \\S*/aardvark-dns --plugin-directory /a --plugin-directory /b`;
    expect(stdout)
      .to.match(new RegExp(`^${given} setup `, 'm'))
      .and.match(new RegExp(`^${given} teardown `, 'm'));
    expect(stdout).to.match(/ update --network-dns-servers {2}net2$/m);
    await gone(runtime);
  });

  it('takes away the /run in which the namespace was made: the next command mends it, and it goes', async function () {
    const runtime = fresh(this);
    const { env } = runtime;
    // As podman's rootless network namespace has it: the runtime directory, mounted in a directory that podman removes.
    const [around, own] = [join(runtime.dir, 'x'), join(runtime.dir, 'y')];
    for (const directory of [around, own]) mkdirSync(join(directory, 'rt'), { recursive: true, mode: 0o700 });
    const body = `
      export XDG_RUNTIME_DIR=${around}/rt
      unshare --mount --propagation private sh -c '
        mount --bind ${around}/rt ${own}/rt && mount --rbind ${own} ${around} && exec "$rnetns" run -- sh -c "echo up; exec sleep 300"' >${runtime.dir}/up &
      sleeper=$!
      until [ -s ${runtime.dir}/up ]; do sleep 0.1; done
      before=$("$rnetns" run -- readlink /proc/self/ns/net) || fail before
      rmdir ${own}/rt || fail rmdir
      after=$("$rnetns" run -- readlink /proc/self/ns/net) || fail after
      echo "same: $([ "$before" = "$after" ] && echo yes)"
      "$rnetns" status | head -n 1
      kill $sleeper
      "$rnetns" stop --force
      rm ${runtime.dir}/up
      rmdir ${around}/rt ${around} ${own}
      XDG_RUNTIME_DIR=${runtime.dir}`;
    const { status, stdout, stderr } = await asPodman({ ...runtime, env }, body);
    expect(status, stdout + stderr).to.equal(0);
    expect(stdout, stdout).to.match(/^same: yes\ndefault: running /);
    expect(existsSync(join(around, 'rt', 'rnetns', 'default'))).to.equal(false);
  });
});
