/** `sysctl verify`: the real kernel's sysctls, and trees of files in which leaks are made. */

import { expect } from 'chai';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { verifySysctls, type SysctlReport } from '../../src/inspect/sysctl/verify.js';
import { readTree, shown } from '../../src/inspect/sysctl/tree.js';
import { processesMentioning, waitFor } from '../fixtures/processes.js';
import { expectRefused } from '../fixtures/refusals.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run, spawnRnetns, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** A machine's sysctls as files. A file that two views share, by a hard link, is one value for both. */
class Tree {
  readonly dir = mkdtempSync(join(tmpdir(), 'rnetns-sysctl-'));

  constructor() {
    onTestEnd(() => rmSync(this.dir, { recursive: true }));
    for (const view of ['outside', 'inside', 'witness']) mkdirSync(join(this.dir, view, 'net'), { recursive: true });
  }

  path(view: 'outside' | 'inside' | 'witness', name: string): string {
    return join(this.dir, view, name);
  }

  /** One of its own for each view. */
  own(name: string, value: string): this {
    for (const view of ['outside', 'inside', 'witness'] as const) {
      mkdirSync(dirname(this.path(view, name)), { recursive: true });
      writeFileSync(this.path(view, name), `${value}\n`);
    }
    return this;
  }

  /** One for all. */
  shared(name: string, value: string): this {
    this.own(name, value);
    for (const view of ['inside', 'witness'] as const) {
      rmSync(this.path(view, name));
      linkSync(this.path('outside', name), this.path(view, name));
    }
    return this;
  }

  outside(name: string): string {
    return readFileSync(this.path('outside', name), 'utf8').trim();
  }

  verify(...args: string[]): Promise<RunResult> {
    return run(['sysctl', 'verify', '--json', '--tree', this.dir, ...args], { timeoutMs: 25_000 });
  }
}

/** The bar before its figures. */
const SHOWN = 'sysctls \\[#* *\\]';

const reportOf = ({ stdout, stderr }: RunResult): SysctlReport => {
  expect(stderr).to.equal('');
  return JSON.parse(stdout) as SysctlReport;
};

describe('sysctl verify', () => {
  beforeEach(function () {
    requires(this, 'userns');
  });

  it('of this kernel: every sysctl is changed, or skipped with a reason, and none of the host is another one then', async function () {
    const { env, dir } = freshRuntimeDir(this);
    const values = (): [string, string][] =>
      [...readTree('/proc/sys', 'net')]
        .filter(([name]) => name !== 'net/netfilter/nf_conntrack_count')
        .map(([name, { reading }]) => [name, shown(reading)]);
    const before = values();
    const result = await run(['sysctl', 'verify', '--json'], { env });
    const report = reportOf(result);
    expect(Object.keys(report)).to.have.members(['leaks', 'unclear', 'changed', 'skipped', 'kernel']);
    expect(report.kernel).to.equal(release());
    expect(report.leaks).to.deep.equal([]);
    expect(result.status).to.equal(0);
    expect(values()).to.deep.equal(before);
    expect(report.changed).to.be.above(200);
    for (const { name, why } of report.skipped) expect(`${name}: ${why}`).to.match(/^net\/\S+: \S/);
    // All that a new network namespace has, and all that the host has.
    const names = new Set(report.skipped.map(({ name }) => name));
    expect(names.size).to.equal(report.skipped.length);
    expect(names.size + report.changed).to.be.at.least(before.length);
    // No kernel gives these away, and every one has them.
    for (const name of ['net/ipv4/ip_forward', 'net/ipv4/tcp_rmem', 'net/ipv4/ip_local_port_range']) {
      expect(names, name).to.not.include(name);
    }
    expect(report.skipped).to.deep.include({
      name: 'net/ipv4/route/flush',
      why: 'write-only: it does something, and holds nothing',
    });
    expect(readTree(dir, 'rnetns').size, 'no namespace was made').to.equal(0);
  });

  it('for people, with a pattern: what was changed and what not, and why; quiet where stderr is no terminal', async function () {
    const { env } = freshRuntimeDir(this);
    const { status, stdout, stderr } = await run(['sysctl', 'verify', '--pattern', 'net/ipv4/route/*'], { env });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect(stdout).to.match(/^Linux \S+: changed [1-9]\d* of \d+ sysctls/);
    expect(stdout).to.match(/\nskipped \d+: write-only[^\n]*\n {2}net\/ipv4\/route\/ flush\n/);
    expect(stdout).to.match(/\nno leak: [^\n]*\n$/);
    expect(stdout).to.not.include('ipv6');
  });

  it('a value that is the same one outside is a leak, and has its old value again', async () => {
    const tree = new Tree().own('net/core/own', '1').shared('net/core/shared', '10').own('net/core/vector', '1\t2\t3');
    const result = await tree.verify();
    expect(result.status).to.equal(1);
    const { leaks, unclear, changed, skipped } = reportOf(result);
    expect({ unclear, changed, skipped }).to.deep.equal({ unclear: [], changed: 3, skipped: [] });
    expect(leaks).to.deep.equal([
      { name: 'net/core/shared', before: '10', after: '11', by: 'net/core/shared', restored: true },
    ]);
    expect(tree.outside('net/core/shared')).to.equal('10');
    const text = await run(['sysctl', 'verify', '--tree', tree.dir]);
    expect({ status: text.status, stderr: text.stderr }).to.deep.equal({ status: 1, stderr: '' });
    expect(text.stdout).to.include('\n! net/core/shared: 10 -> 11\n1 leaked');
  });

  it('so is one that another one changes, and both are named', async () => {
    const tree = new Tree().own('net/ipv4/chosen', '5').own('net/ipv4/allowed', '5').own('net/ipv4/z', '0');
    rmSync(tree.path('outside', 'net/ipv4/allowed'));
    symlinkSync(tree.path('inside', 'net/ipv4/chosen'), tree.path('outside', 'net/ipv4/allowed'));
    chmodSync(tree.path('inside', 'net/ipv4/allowed'), 0o444);
    const { leaks, skipped } = reportOf(await tree.verify());
    expect(leaks).to.deep.equal([
      { name: 'net/ipv4/allowed', before: '5', after: '6', by: 'net/ipv4/chosen', restored: true },
    ]);
    expect(skipped).to.deep.equal([{ name: 'net/ipv4/allowed', why: 'read-only' }]);
  });

  it('so is one that the caller may not read outside, when another namespace sees it', async function () {
    requires(this, 'unprivileged');
    const key = '00000000-00000000-00000000-00000000';
    const tree = new Tree().shared('net/ipv4/tcp_fastopen_key', key);
    rmSync(tree.path('outside', 'net/ipv4/tcp_fastopen_key'));
    writeFileSync(tree.path('outside', 'net/ipv4/tcp_fastopen_key'), key, { mode: 0 });
    const { leaks } = reportOf(await tree.verify());
    expect(leaks.map(({ name, before }) => ({ name, before }))).to.deep.equal([
      { name: 'net/ipv4/tcp_fastopen_key', before: key },
    ]);
  });

  it('so is one that can be written once only', async () => {
    const tree = new Tree().shared('net/one_way', '0').own('net/other', '0');
    const report = await verifySysctls({
      program: {
        argv: [process.execPath, join(import.meta.dirname, '..', 'fixtures', 'one-way-inside.js')],
        env: { PATH: process.env.PATH ?? '' },
      },
      roots: {
        outside: join(tree.dir, 'outside'),
        inside: join(tree.dir, 'inside'),
        witness: join(tree.dir, 'witness'),
      },
    });
    expect(report.unclear).to.deep.equal([]);
    expect(report.leaks.map(({ name, after }) => ({ name, after }))).to.deep.equal([
      { name: 'net/one_way', after: '1' },
    ]);
  });

  it('no leak: what moves by itself, read-only globals, other values outside, unknown texts, hostile names', async () => {
    const odd = 'net/ipv4/conf/\u001b[31m"eth\n0';
    const tree = new Tree()
      .own('net/core/a', '1')
      .shared('net/core/counter', '1000')
      .shared('net/core/fixed', '7')
      .own('net/core/word', 'default')
      .own(`${odd}/tag`, '0')
      .own('net/core/differs', '3');
    writeFileSync(tree.path('outside', 'net/core/differs'), '4\n');
    rmSync(tree.path('inside', 'net/core/counter'));
    writeFileSync(tree.path('inside', 'net/core/counter'), '0\n');
    chmodSync(tree.path('outside', 'net/core/fixed'), 0o444);
    writeFileSync(tree.path('outside', 'net/core/host_only'), '0\n');
    let count = 1000;
    const timer = setInterval(() => writeFileSync(tree.path('outside', 'net/core/counter'), `${(count += 1)}\n`), 5);
    onTestEnd(() => clearInterval(timer));
    const result = await tree.verify();
    const { leaks, unclear, changed, skipped } = reportOf(result);
    expect({ status: result.status, leaks, unclear, changed }).to.deep.equal({
      status: 0,
      leaks: [],
      unclear: [],
      changed: 3,
    });
    expect(skipped).to.deep.equal([
      { name: 'net/core/counter', why: 'changes by itself outside' },
      { name: 'net/core/fixed', why: 'read-only' },
      { name: 'net/core/host_only', why: 'not in a new network namespace' },
      { name: 'net/core/word', why: "no other value is known for 'default'" },
    ]);
    expect(readFileSync(tree.path('outside', `${odd}/tag`), 'utf8')).to.equal('0\n');
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    it(`ended by ${signal} in the middle, it puts back what it changed, and leaves no process`, async () => {
      // Looking at so many leaks takes it a second, in which none is put back yet.
      const tree = new Tree();
      const names = Array.from({ length: 60 }, (_, i) => `net/core/v${i}`);
      for (const name of names) tree.shared(name, '0');
      const verifying = spawnRnetns(['sysctl', 'verify', '--tree', tree.dir]);
      await waitFor(() => names.every((name) => tree.outside(name) !== '0'), { what: 'the values to be changed' });
      verifying.child.kill(signal);
      expect(await verifying.ended).to.deep.equal({ status: null, signal });
      await waitFor(() => processesMentioning(tree.dir).length === 0, {
        what: 'its processes to end',
      });
      expect(names.filter((name) => tree.outside(name) !== '0')).to.deep.equal([]);
    });
  }

  it('on a terminal a bar on stderr shows how far it is, and is gone at the end', async function () {
    requires(this, 'script');
    const tree = new Tree();
    for (let i = 0; i < 120; i += 1) tree.own(`net/core/v${i}`, '0');
    const command = `"$RNETNS" sysctl verify --tree '${tree.dir}' >/dev/null`;
    const { status, stdout } = await run(['--quiet', '--return', '--command', command, '/dev/null'], {
      file: 'script',
      env: { ...process.env, RNETNS: launcher },
    });
    expect(status, stdout).to.equal(0);
    for (const done of [0, 100, 120]) expect(stdout).to.match(new RegExp(`\\r${SHOWN} ${done}/120`));
    expect(stdout.endsWith('\r\u001b[K')).to.equal(true);
  });

  it('a pattern that matches nothing, and words too many, are wrong usage', async () => {
    expectRefused(await run(['sysctl', 'verify', '--pattern', 'net/ipv9/*']), /no sysctl matches net\/ipv9/, 2);
    expectRefused(await run(['sysctl', 'verify', 'net/ipv4/*']), /takes no argument, but got net/, 2);
    const { status, stdout, stderr } = await run(['sysctl']);
    expect({ status, stdout }).to.deep.equal({ status: 2, stdout: '' });
    expect(stderr).to.match(/\nrnetns: a command is missing\nhint: /);
  });

  /** As root of a user namespace in which `setUp` was done. */
  const inUserns = (setUp: string): Promise<RunResult> =>
    run(
      [
        '--user',
        '--map-root-user',
        '--mount',
        'sh',
        '-euc',
        `PATH=$PATH:/usr/sbin; ${setUp}; exec "$0" sysctl verify`,
        launcher,
      ],
      { file: 'unshare' },
    );

  it('without user namespaces it says so', async () => {
    const result = await inUserns('echo 0 >/proc/sys/user/max_user_namespaces');
    expectRefused(result, /cannot make a user and network namespace: .*\nhint: .*sysctl user\.max_user_namespaces=/);
  });

  it('where /proc/sys is read-only, as in a container, it says so', async () => {
    const result = await inUserns('mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys');
    expectRefused(result, /verifying sysctls failed on net\/\S+: \/proc\/sys is read-only here\nhint: /);
  });
});
