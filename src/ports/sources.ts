/** Whose address a server sees as the source: the client's own, one of the namespace itself, or that of its gateway. */
export type Source = 'client' | 'namespace' | 'gateway';

/** The same for each kind of client. */
export interface Sources {
  /** On the host, by a loopback address. */
  loopback: Source;
  /** On the host, by another address of its own. */
  host: Source;
  /** On another machine. */
  remote: Source;
}

/** What forwards a port. */
export type ForwarderName = 'rnetns';

/** As the contract suite of the forwarders has seen it (test/contract/ports.test.ts). */
export const SOURCES: Readonly<Record<ForwarderName, Sources>> = {
  rnetns: { loopback: 'namespace', host: 'namespace', remote: 'namespace' },
};

/** Does a server see other machines as who they are? */
export function keepsSource(forwarder: ForwarderName): boolean {
  return SOURCES[forwarder].remote === 'client';
}

/** "client; namespace from this host", for people. */
export function sourcesInWords(forwarder: ForwarderName): string {
  const { loopback, host, remote } = SOURCES[forwarder];
  const near = [...new Set([loopback, host])].filter((source) => source !== remote);
  return near.length === 0 ? remote : `${remote}; ${near.join(' or ')} from this host`;
}
