import { expect } from 'chai';
import { parseHelpOptions } from '../../../src/plan/features.js';

const SLIRP = `Usage: slirp4netns [OPTION]... PID|PATH [TAPNAME]
User-mode networking for unprivileged network namespaces.

-c, --configure          bring up the interface
-6, --enable-ipv6        enable IPv6 (experimental)
-m, --mtu=MTU            specify MTU (default=1500, max=65521)
--cidr=CIDR              specify network address CIDR (default=10.0.2.0/24)
--disable-host-loopback  prohibit connecting to 127.0.0.1:* on the host namespace
`;
const PASTA = `Usage: pasta [OPTION]... [COMMAND] [ARGS]...
       pasta [OPTION]... --netns [PATH|NAME]

  -d, --debug\t\tBe verbose
      --trace\t\tBe extra verbose, implies --verbose
  --runas UID|UID:GID \tRun as given UID, GID, which can be
  -i, --interface NAME\tInterface for addresses and routes
    default: from --outbound-if9 and --outbound-if6, if any
  --map-guest-addr ADDR\tTranslate ADDR to guest's address
        -t 22\tForward local port 22 to port 22 in netns
  --one, --two\tboth
`;

describe('plan/features', () => {
  it('finds the long options of slirp4netns', () => {
    expect([...parseHelpOptions(SLIRP)]).to.deep.equal([
      '--configure',
      '--enable-ipv6',
      '--mtu',
      '--cidr',
      '--disable-host-loopback',
    ]);
  });

  it('finds the long options of pasta, and none that only its prose mentions', () => {
    expect([...parseHelpOptions(PASTA)]).to.deep.equal([
      '--debug',
      '--trace',
      '--runas',
      '--interface',
      '--map-guest-addr',
      '--one',
      '--two',
    ]);
  });

  it('finds none in other text', () => expect([...parseHelpOptions('sh: pasta: not found\n-- x\n---\n')]).to.be.empty);
});
