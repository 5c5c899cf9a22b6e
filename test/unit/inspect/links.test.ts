import { expect } from 'chai';
import { parseNames, parseNsids, parseVeths } from '../../../src/inspect/links.js';

// From ip 6.1 inside a container, shortened; the empty object is a link that its filter hides.
const ADDRESSES = `[{},{"ifindex":2,"link_index":8,"ifname":"eth0","flags":["BROADCAST","UP"],"operstate":"UP",
  "address":"0a:d6:1f:c9:38:9b","link_netnsid":0,"addr_info":[
  {"family":"inet","local":"10.88.1.5","prefixlen":16,"scope":"global"},
  {"family":"inet6","local":"fe80::8d6:1fff:fec9:389b","prefixlen":64,"scope":"link"},{}]}]`;

describe('what ip(8) says in JSON', () => {
  it('of a veth: itself, its peer and its addresses', () => {
    expect(parseVeths(ADDRESSES)).to.deep.equal([
      {
        index: 2,
        name: 'eth0',
        mac: '0a:d6:1f:c9:38:9b',
        up: true,
        peerIndex: 8,
        peerNsid: 0,
        master: undefined,
        addresses: [
          { family: 4, address: '10.88.1.5', linkLocal: false },
          { family: 6, address: 'fe80::8d6:1fff:fec9:389b', linkLocal: true },
        ],
      },
    ]);
  });

  it('of names and ids; an unknown id is none', () => {
    expect(parseNames('[{"ifname":"br0"},{},{"ifname":"br1"}]')).to.deep.equal(['br0', 'br1']);
    expect([...parseNsids('[{"nsid":0,"name":"7"},{"nsid":1}]')]).to.deep.equal([[0, '7']]);
    expect(parseVeths('[{"ifindex":1,"ifname":"a","link_index":2,"link_netnsid":-1}]')[0]?.peerNsid).to.equal(
      undefined,
    );
  });

  it('nothing is nothing, and what is torn is an error', () => {
    expect([parseVeths(''), parseNames('{}'), [...parseNsids('\n')]]).to.deep.equal([[], [], []]);
    expect(() => parseVeths('[{"ifindex":')).to.throw(SyntaxError);
  });
});
