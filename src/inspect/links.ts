/** What ip(8) says of links in JSON, as far as we ask. */

/** A veth, seen from the network namespace that it is in. */
export interface Veth {
  index: number;
  name: string;
  mac: string;
  up: boolean;
  /** Index of its other end, in whatever namespace that is. */
  peerIndex: number;
  /** The id that this namespace has for the one of the other end; undefined when it is in the same. */
  peerNsid: number | undefined;
  /** The bridge it is on. */
  master: string | undefined;
  /** As the kernel has them: no prefix length. */
  addresses: { family: 4 | 6; address: string; linkLocal: boolean }[];
}

interface IpLink {
  ifindex?: number;
  ifname?: string;
  address?: string;
  operstate?: string;
  link_index?: number;
  link_netnsid?: number;
  master?: string;
  addr_info?: { family?: string; local?: string; scope?: string }[];
}

/** Of `ip -json link` or `ip -json address`. The filters of ip leave empty objects in the place of what they hide. */
export function parseVeths(json: string): Veth[] {
  return parseArray<IpLink>(json).flatMap((link) => {
    const { ifindex, ifname, address, link_index: peerIndex } = link;
    if (ifindex === undefined || ifname === undefined || peerIndex === undefined) return [];
    return {
      index: ifindex,
      name: ifname,
      mac: address ?? '',
      up: link.operstate === 'UP',
      peerIndex,
      peerNsid: link.link_netnsid !== undefined && link.link_netnsid >= 0 ? link.link_netnsid : undefined,
      master: link.master,
      addresses: (link.addr_info ?? []).flatMap(({ family, local, scope }) =>
        local === undefined
          ? []
          : { family: family === 'inet6' ? (6 as const) : (4 as const), address: local, linkLocal: scope === 'link' },
      ),
    };
  });
}

/** Names of the links in `ip -json link`. */
export function parseNames(json: string): string[] {
  return parseArray<IpLink>(json).flatMap(({ ifname }) => ifname ?? []);
}

/** Names of namespaces by the ids of `ip -json netns list-id`; those without a name are left out. */
export function parseNsids(json: string): Map<number, string> {
  const ids = parseArray<{ nsid?: number; name?: string }>(json);
  return new Map(
    ids.flatMap(({ nsid, name }) => (nsid === undefined || name === undefined ? [] : [[nsid, name] as const])),
  );
}

/** @throws SyntaxError of JSON.parse; a document that is none of an array is as good as an empty one. */
function parseArray<T extends object>(json: string): T[] {
  const value: unknown = json.trim() === '' ? [] : JSON.parse(json);
  return Array.isArray(value) ? value.filter((item): item is T => typeof item === 'object' && item !== null) : [];
}
