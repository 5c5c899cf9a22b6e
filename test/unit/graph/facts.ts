/** Made-up facts for pictures: as many containers as wanted, in the shape that a real namespace has them in. */

import type { CachedAttachment } from '../../../src/cni/cache.js';
import type { Facts } from '../../../src/graph/model.js';
import type { ContainerLink, ProcessEntry } from '../../../src/inspect/inventory.js';
import type { ListedPort } from '../../../src/ports/listing.js';
import type { Status } from '../../../src/inspect/status.js';

export const up: Status = {
  name: 'default',
  state: 'running',
  generation: '0f8fad5b-d9cb-469f-a165-70867728950e',
  directory: '/run/user/1001/rnetns/default',
  driver: {
    name: 'pasta',
    version: null,
    path: '/usr/bin/pasta',
    pid: 4242,
    args: [],
    restarts: 0,
    lastWords: null,
    connected: true,
  },
  addresses: ['192.0.2.2', 'fd00::2'],
  dnsForwardIps: ['169.254.1.1'],
  mapGuestIps: [],
  nameservers: ['169.254.1.1', '192.0.2.53'],
  stale: [],
  references: [],
  refCount: 0,
  processes: 0,
  containers: 0,
  ports: [],
  supervisor: { pid: 4240 },
  keeper: { pid: 4241 },
  protection: { scope: null, linger: null },
  limits: [],
  linger: 2,
  since: '2026-11-22T04:44:12.936Z',
};

export const down: Status = {
  ...up,
  ...{ state: 'down', generation: null, directory: null, driver: null, addresses: null, dnsForwardIps: null },
  ...{ mapGuestIps: null, nameservers: null, references: null, refCount: null, processes: null, supervisor: null },
  ...{ containers: null, linger: null },
  ...{ ports: null, keeper: null, protection: null, limits: null, since: null },
};

export function facts(changes: Partial<Facts> = {}): Facts {
  return {
    status: up,
    inventory: { processes: [], containers: [] },
    attachments: [],
    namesSeen: '/run/user/1001/netns',
    anonymous: 0,
    hostInterfaces: ['enp1s0'],
    interfaces: ['eth0'],
    ...changes,
  };
}

export function published(hostPort: number, changes: Partial<ListedPort> = {}): ListedPort {
  return {
    ...{ hostIp: '', hostPort, targetIp: '', targetPort: 80, protocol: 'tcp', toHost: false },
    ...{ owner: { kind: 'namespace', id: null, pid: null }, attachment: null, forwarder: 'rnetns', keepsSource: false },
    sources: { loopback: 'namespace', host: 'namespace', remote: 'namespace' },
    ...{ proxyProtocol: null, problem: null, clients: 0, counters: null },
    ...changes,
  };
}

/** The index-th container on a bridge. */
export function link(netns: string, index: number, changes: Partial<ContainerLink> = {}): ContainerLink {
  const hex = index.toString(16).padStart(2, '0');
  const [ipv4, ipv6] = [[`10.89.0.${index + 2}`], [`fd72:6e65:746e::${(index + 2).toString(16)}`]];
  return {
    netns,
    inode: 4026532000 + index,
    pid: null,
    id: null,
    bridge: 'rnetns0',
    hostInterface: `veth${hex}c0ffee`,
    interface: 'eth0',
    mac: `0a:58:0a:59:00:${hex}`,
    ipv4,
    ipv6,
    addresses: [...ipv4, ...ipv6],
    state: 'up',
    ...changes,
  };
}

export function process(pid: number, command: string[], netns: string | null = null): ProcessEntry {
  return { pid, uid: 0, command, started: '2026-11-22T04:44:12.936Z', lease: netns === null, netns };
}

export function attachment(netns: string, ports: object[], changes: Partial<CachedAttachment> = {}): CachedAttachment {
  return {
    network: 'rnetns',
    containerId: `id-${netns}`,
    ifName: 'eth0',
    netns: `/run/user/1001/netns/${netns}`,
    args: [],
    capabilityArgs: { portMappings: ports },
    config: '',
    result: undefined,
    ...changes,
  };
}

export function reference(id: string, changes: Partial<NonNullable<Status['references']>[number]> = {}) {
  return { id, nets: 1, pid: null, command: null, since: null, problem: null, ...changes };
}

/** A few of everything. */
export function busy(): Facts {
  const references = [
    reference('netns:web'),
    reference('netns:db'),
    reference('id-web', { nets: 2 }),
    reference('builder', { pid: 4711, command: '/usr/bin/buildah' }),
    reference('old', { nets: null, problem: 'its process is dead' }),
  ];
  return facts({
    status: { ...up, references, refCount: 6, processes: 2 },
    inventory: {
      processes: [
        process(5001, ['python3', '-m', 'http.server', '--bind', '127.0.0.1', '8000']),
        process(5002, ['bash']),
        process(6001, ['nginx: master process'], 'web'),
        process(6002, ['nginx: worker process'], 'web'),
        process(6003, ['nginx: worker process'], 'web'),
      ],
      containers: [
        link('web', 0),
        link('web', 7, { bridge: 'br1', interface: 'eth1', addresses: ['10.88.1.9'] }),
        link('db', 1),
        link('/proc/7001/ns/net', 2, { pid: 7001, state: 'down' }),
        link('cache', 3, { bridge: 'br1', addresses: ['2001:0db8:1234:5678:9abc:def0:1234:5678'] }),
      ],
    },
    attachments: [
      attachment('web', [
        { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
        { hostPort: 8443, containerPort: 443, protocol: 'TCP', hostIP: '192.0.2.2' },
      ]),
      attachment('lost', [], { network: 'p2p', netns: '/run/user/1001/netns/lost' }),
    ],
    anonymous: 1,
  });
}

export function many(number: number): Facts {
  return facts({
    inventory: {
      processes: Array.from({ length: number * 5 }, (_, index) =>
        process(9000 + index, [['sleep', 'sh', 'curl'][index % 3] ?? '', '60']),
      ),
      containers: Array.from({ length: number }, (_, index) => link(`c${index}`, index)),
    },
  });
}

/** What names could do to a terminal, a page, a language. */
export const HOSTILE = [
  '"]; evil -> n0; x["',
  '<script>alert(1)</script>&amp;',
  'two\nlines\r\tand a tab',
  '\u001b[31mred\u001b]0;title\u0007\u009b2J',
  '\u202egpj.exe\u2066 \u2028 \u200b',
  '`end` #quot; \\l \\" %% --> ]]> <!-- -->',
  'x\ud800\uffff\ufffe',
];
