#!/usr/bin/env node
/**
 * A toy container runtime: two processes, each in a network namespace of its own, on a bridge in the shared one.
 *
 *     node examples/toy-runtime.mjs
 *
 * The containers' namespaces are made inside, by unshare(1) under `run`: they must belong to the same user namespace. A
 * reference is tied to its container's process, so that it goes also when this runtime is killed and the container ends.
 */
import { once } from 'node:events';
import { RootlessNetns } from 'rnetns';

const netns = RootlessNetns.open({ name: 'toy' });
const BRIDGE = 'toy0';

/** Arguments of nsenter(1) that run a program in the container's network namespace. */
const into = ({ pid }, ...command) => ['--target', String(pid), '--net', '--', ...command];

async function start(id, address) {
  const process = netns.run('unshare', ['--net', 'sh', '-c', 'echo up; exec cat'], { reject: false });
  const container = { id, address, process, pid: process.pid };
  await Promise.race([once(process.stdout, 'data'), process]);
  try {
    await netns.setup(1, ({ exec }) => connect(container, exec), { id, pid: container.pid });
  } catch (error) {
    process.stdin.end();
    throw error;
  }
  console.log(`${id} is at ${address}, process ${container.pid}`);
  return container;
}

async function connect({ id, address, pid }, exec) {
  // The first container makes the bridge; for the others it is there.
  await exec('ip', ['link', 'add', BRIDGE, 'type', 'bridge'], { reject: false });
  await exec('ip', ['-batch', '-'], {
    input: `link set ${BRIDGE} up
link add veth-${id} type veth peer name eth0 netns ${pid}
link set veth-${id} master ${BRIDGE} up`,
  });
  await exec('nsenter', into({ pid }, 'ip', '-batch', '-'), {
    input: `link set lo up\naddr add ${address}/24 dev eth0\nlink set eth0 up`,
  });
}

async function ping(from, to) {
  const { stdout } = await netns.run('nsenter', into(from, 'ping', '-c', '1', '-W', '5', to.address));
  console.log(`${from.id} to ${to.id}: ${stdout.split('\n').find((line) => line.includes('bytes from'))}`);
}

/** The container ends in teardown's function: nobody is inside any more when its reference is dropped. */
async function stop({ id, process }) {
  await netns.teardown(
    1,
    async ({ exec }) => {
      await exec('ip', ['link', 'del', `veth-${id}`]);
      process.stdin.end();
      await process;
    },
    { id },
  );
}

const containers = [];
try {
  containers.push(await start('web', '10.99.0.2'));
  containers.push(await start('db', '10.99.0.3'));
  const [web, db] = containers;
  await ping(web, db);
  await ping(db, web);
  const { state, refCount } = await netns.status();
  console.log(`the namespace is ${state}, with ${refCount} references`);
} finally {
  for (const container of containers) await stop(container);
  console.log(`the namespace is ${(await netns.status()).state}`);
}
