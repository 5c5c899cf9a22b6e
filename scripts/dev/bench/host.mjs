/** Where everything is measured: an own HOME and XDG_RUNTIME_DIR, the programs that run there, and how to end them. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A podman or rnetns of the caller's neither disturbs nor is disturbed. */
export const base = mkdtempSync(join(process.env.XDG_RUNTIME_DIR ?? tmpdir(), 'rnetns-bench-'));
const runtimeDir = join(base, 'run');
export const env = { ...process.env, XDG_RUNTIME_DIR: runtimeDir, HOME: join(base, 'home') };
env.XDG_CONFIG_HOME = join(env.HOME, '.config');
env.PODMAN_IGNORE_CGROUPSV1_WARNING = '1';
// They cost Node milliseconds at its start.
delete env.NODE_EXTRA_CA_CERTS;
delete env.NODE_OPTIONS;
mkdirSync(runtimeDir, { mode: 0o700 });
mkdirSync(join(env.XDG_CONFIG_HOME, 'rnetns'), { recursive: true });
writeFileSync(join(env.XDG_CONFIG_HOME, 'rnetns', 'rnetns.conf'), '[rnetns]\nlinger = 0\n');

export const stateDir = (name = 'default') => join(runtimeDir, 'rnetns', name);
export const podmanDir = join(runtimeDir, 'containers', 'networks', 'rootless-netns');

export const kill = (pid) => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
};

export function output(file, args) {
  // The status of 10,000 references has some megabytes.
  const options = { env, encoding: 'utf8', timeout: 60_000, maxBuffer: Infinity };
  const { status, stdout, stderr, error } = spawnSync(file, args, options);
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
  return stdout.trim();
}

export const rnetns = (...args) => output('rnetns', args);
export const status = (name = 'default') => JSON.parse(rnetns('status', '--json', '--name', name));

export async function until(what, condition, timeoutMs = 10_000) {
  for (const deadline = Date.now() + timeoutMs; !condition(); await sleep(5)) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms until ${what}`);
  }
}

/** No namespace is left, neither ours nor podman's. */
export const allGone = () => until('every namespace is gone', () => !existsSync(stateDir()) && !existsSync(podmanDir));

/** A command that keeps a namespace up. It says its pid, which is the same inside: no pid namespace is involved. */
async function keep(file, args) {
  const child = spawn(file, [...args, 'sh', '-c', 'echo $$; exec sleep 600'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [first] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => ['0'])]);
  const pid = Number(String(first));
  if (pid === 0) throw new Error(`${file} ${args.join(' ')} ended before its command began`);
  const ended = once(child, 'exit');
  return {
    pid,
    async end() {
      kill(pid);
      await ended;
    },
  };
}
export const keepRnetns = () => keep('rnetns', ['run', '--']);
export const keepPodman = () => keep('podman', ['unshare', '--rootless-netns']);

export const read = (pid, file) => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
};

/** Processes that belong to this measurement: they name its directory, or have mounts in it. */
export const ours = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => ['cmdline', 'environ', 'mountinfo'].some((file) => read(pid, file).includes(base)))
    .map(Number);

/** Whatever a failure left: it names a directory that only this run knows. */
export async function removeAll() {
  for (const pid of ours()) kill(pid);
  await until('every process is gone', () => ours().every((pid) => read(pid, 'cmdline') === '')).catch(() => undefined);
  spawnSync('podman', ['unshare', 'rm', '-rf', join(env.HOME, '.local')], { env, timeout: 30_000 });
  for (const pid of ours()) kill(pid);
  rmSync(base, { recursive: true, force: true });
}
