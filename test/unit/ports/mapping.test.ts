import { expect } from 'chai';
import { portMappings as cniMappings } from '../../../src/cli/cni/port-mappings.js';
import { addressesOf, portMappings as netavarkMappings } from '../../../src/cli/netavark/port-mappings.js';
import { CniError } from '../../../src/cni/error.js';
import { RnetnsError } from '../../../src/errors/error.js';
import { parseRequest, type NetavarkRequest } from '../../../src/netavark/request.js';
import { planContainerPorts, type ContainerAddress } from '../../../src/ports/container-ports.js';
import type { AttachmentOwner } from '../../../src/ports/port.js';
import type { PortRequest } from '../../../src/ports/specification.js';

const tcp = { protocol: 'tcp', hostIp: '', hostPort: 8080, targetIp: '', targetPort: 80 } as const;

function refusal(act: () => unknown): RnetnsError {
  try {
    act();
  } catch (error) {
    if (error instanceof RnetnsError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('portMappings of CNI', () => {
  const read = (...portMappings: unknown[]): PortRequest[] => cniMappings({ portMappings });

  it('are ports of the host; nothing is asked for by what is empty', () => {
    expect(read({ hostPort: 8080, containerPort: 80, protocol: 'tcp' })).to.deep.equal([tcp]);
    const all = { hostPort: 8080, containerPort: 80, protocol: 'UDP', hostIP: '0:0::1' };
    expect(read(all)).to.deep.equal([{ ...tcp, protocol: 'udp', hostIp: '::1' }]);
    // As Go reads a struct.
    expect(read({ HostPort: 8080, containerport: 80, Protocol: 'tcp', hostIP: '' })).to.deep.equal([tcp]);
    for (const nothing of [[], null, undefined, '', {}])
      expect(cniMappings({ portMappings: nothing })).to.deep.equal([]);
    expect(cniMappings({})).to.deep.equal([]);
  });

  it('that are none are refused with the field, as a field that is not supported', () => {
    const web = { hostPort: 8080, containerPort: 80, protocol: 'tcp' };
    for (const [mapping, words] of [
      [{ ...web, hostPort: '8080' }, 'portMappings[0].hostPort must be 1 to 65535, not "8080"'],
      [{ ...web, hostPort: 0 }, 'portMappings[0].hostPort must be 1 to 65535, not 0'],
      [{ hostPort: 8080 }, 'portMappings[0].containerPort must be 1 to 65535, not missing'],
      [
        { ...web, protocol: 'sctp' },
        'portMappings[0].protocol must be tcp or udp: SCTP cannot be forwarded to the host',
      ],
      [{ ...web, protocol: undefined }, 'portMappings[0].protocol must be tcp or udp, not missing'],
      [{ ...web, protocol: '' }, 'portMappings[0].protocol must be tcp or udp, not ""'],
      [{ ...web, protocol: 'bogus' }, 'portMappings[0].protocol must be tcp or udp, not "bogus"'],
      [{ ...web, hostIP: 'host' }, 'portMappings[0].hostIP must be an address of the host, not "host"'],
      [{ ...web, hostIP: 'fe80::1%eth0' }, 'portMappings[0].hostIP has a zone'],
      [{ ...web, hostIP: '224.0.0.1' }, 'portMappings[0].hostIP is a multicast address'],
      [7, 'portMappings[0] must be an object, not a number'],
    ] as const) {
      const error = refusal(() => read(mapping));
      expect(error).to.be.instanceOf(CniError).with.property('cniCode', 2);
      expect(error.message).to.equal(words);
    }
    expect(refusal(() => cniMappings({ portMappings: 7 })).message).to.equal(
      'portMappings must be an array, not a number',
    );
  });
});

const request = (port_mappings: unknown): NetavarkRequest =>
  parseRequest(
    JSON.stringify({
      container_id: 'web',
      networks: {
        a: { interface_name: 'eth0', static_ips: ['10.1.0.2'] },
        b: { interface_name: 'eth1', static_ips: ['fd00::2'] },
      },
      network_info: {
        a: { id: 'ida', subnets: [{ subnet: '10.1.0.0/24' }] },
        b: { id: 'idb', subnets: [{ subnet: 'fd00::/64' }] },
      },
      port_mappings,
    }),
  );

describe('port_mappings of netavark', () => {
  const web = { container_port: 80, host_port: 8080, host_ip: '', range: 1, protocol: 'tcp' };

  it('are ports of the host, a range one after the other', () => {
    expect(netavarkMappings(request([web]))).to.deep.equal([tcp]);
    expect(netavarkMappings(request([{ ...web, range: 2, host_ip: '127.0.0.1' }]))).to.deep.equal([
      { ...tcp, hostIp: '127.0.0.1' },
      { ...tcp, hostIp: '127.0.0.1', hostPort: 8081, targetPort: 81 },
    ]);
    expect(netavarkMappings(request([{ ...web, range: 0, host_ip: null }]))).to.deep.equal([tcp]);
    expect(netavarkMappings(request(null))).to.deep.equal([]);
  });

  it('that are none are refused with the key', () => {
    for (const [mappings, words] of [
      [7, 'port_mappings is no list of objects'],
      [[7], 'port_mappings is no list of objects'],
      [[web, { ...web, host_port: 0 }], 'port_mappings[1].host_port must be 1 to 65535, not 0'],
      [
        [{ ...web, protocol: 'sctp' }],
        'port_mappings[0].protocol must be tcp or udp: SCTP cannot be forwarded to the host',
      ],
      [[{ ...web, range: -1 }], 'port_mappings[0].range must be a number of ports, not -1'],
      [[{ ...web, host_port: 65535, range: 2 }], 'port_mappings[0].range 2 ports end beyond 65535'],
    ] as const) {
      const error = refusal(() => netavarkMappings(request(mappings)));
      expect(error.code).to.equal('ERR_USAGE');
      expect(error.message).to.equal(`cannot use the network options on stdin: ${words}`);
    }
  });
});

describe('where the port of a container leads', () => {
  const process = { pid: 1, startTicks: 2 };
  const owner = (network: string): AttachmentOwner => ({
    ...{ kind: 'attachment', by: 'netavark', container: 'web', network, ifName: 'eth0', process },
  });
  const at = (network: string, ip: string): ContainerAddress => ({ owner: owner(network), ip });
  const target = (hostIp: string, ...addresses: ContainerAddress[]): string[] =>
    planContainerPorts(addresses, [{ ...tcp, hostIp }]).map(
      (port) => `${port.targetIp} ${(port.owner as AttachmentOwner).network}`,
    );

  it('is its first address of the family that the host’s has, else of IPv4, else the one that there is', () => {
    const both = [at('a', 'fd00::2'), at('a', '10.1.0.2'), at('b', '10.2.0.2')];
    expect(target('', ...both)).to.deep.equal(['10.1.0.2 a']);
    expect(target('127.0.0.1', ...both)).to.deep.equal(['10.1.0.2 a']);
    expect(target('::1', ...both)).to.deep.equal(['fd00::2 a']);
    expect(target('127.0.0.1', at('b', 'fd00::2'))).to.deep.equal(['fd00::2 b']);
    expect(target('::1', at('a', '10.1.0.2'))).to.deep.equal(['10.1.0.2 a']);
  });

  it('is never a loopback, which would be that of the shared namespace', () => {
    expect(target('', at('a', '127.0.0.1'), at('a', '10.1.0.2'))).to.deep.equal(['10.1.0.2 a']);
    const error = refusal(() => target('', at('a', '127.0.0.1'), at('a', '::'), at('a', 'wrong')));
    expect(error).to.include({ code: 'ERR_PORT', message: 'cannot publish *:8080/tcp: the container has no address' });
  });

  it('of netavark has the owner of its network', () => {
    expect(addressesOf(request(null), process)).to.deep.equal([
      { ip: '10.1.0.2', owner: { ...owner('ida'), ifName: 'eth0' } },
      { ip: 'fd00::2', owner: { ...owner('idb'), ifName: 'eth1' } },
    ]);
  });
});
