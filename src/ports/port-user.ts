import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readOptional } from '../state/files.js';
import { allPids } from '../state/process.js';
import type { PortRequest } from './specification.js';

/**
 * Who has a port of the host, as far as /proc shows: the sockets are everybody's to see, but whose they are only those of
 * one's own processes (proc_pid_net(5), proc_pid_fd(5)).
 */
export function findPortUser({ protocol, hostPort }: PortRequest): string | undefined {
  const sockets = [`/proc/net/${protocol}`, `/proc/net/${protocol}6`].flatMap((file) =>
    socketsOn(readOptional(file) ?? '', hostPort, protocol),
  );
  const links = new Set(sockets.map(({ inode }) => `socket:[${inode}]`));
  const pid = allPids().find((each) => hasOpen(each, links));
  if (pid !== undefined) return `${commandOf(pid)} (pid ${pid})`;
  const uid = sockets[0]?.uid;
  return uid === undefined ? undefined : `a process of ${uid === 0 ? 'root' : `uid ${uid}`}`;
}

/** The sockets that a table of /proc/net has on a port; of TCP those that listen. Exported for its test. */
export function socketsOn(table: string, port: number, protocol: string): { uid: number; inode: string }[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , uid, , inode] = line.trim().split(/\s+/);
    const listens = protocol === 'udp' || state === '0A';
    return listens && local.endsWith(`:${wanted}`) && inode !== undefined ? [{ uid: Number(uid), inode }] : [];
  });
}

function hasOpen(pid: number, links: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return links.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return 'a process';
  }
}
