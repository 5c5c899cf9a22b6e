import { expect } from 'chai';
import fc from 'fast-check';
import { RnetnsError } from '../../../src/errors/error.js';
import { resolvConfTarget } from '../../../src/plan/resolv-conf-target.js';

type Tree = Readonly<Record<string, string | null>>;

/** Names not listed do not exist; null is a file or directory, text a link. */
const reader =
  (tree: Tree) =>
  (path: string): string | null | undefined =>
    Object.hasOwn(tree, path) ? tree[path] : undefined;

const HOST: Tree = {
  '/etc': null,
  '/run': null,
  '/usr': null,
  '/usr/lib': null,
  '/var': null,
  '/var/run': '/run',
  '/run/systemd': null,
  '/run/systemd/resolve': null,
};

const codeOf = (act: () => unknown): string | undefined => {
  try {
    act();
  } catch (error) {
    if (error instanceof RnetnsError) return error.code;
    throw error;
  }
  return undefined;
};

describe('plan/resolv-conf-target', () => {
  for (const [layout, links, expected] of [
    // The seven layouts seen on hosts.
    ['1. a plain file', { '/etc/resolv.conf': null }, '/etc/resolv.conf'],
    [
      "2. a link to systemd-resolved's stub (podman 10855)",
      { '/etc/resolv.conf': '../run/systemd/resolve/stub-resolv.conf', '/run/systemd/resolve/stub-resolv.conf': null },
      '/run/systemd/resolve/stub-resolv.conf',
    ],
    [
      '3. a stub that links on below /run: the first path counts (podman 11222)',
      {
        '/etc/resolv.conf': '/run/systemd/resolve/stub-resolv.conf',
        '/run/systemd/resolve/stub-resolv.conf': 'resolv.conf',
        '/run/systemd/resolve/resolv.conf': null,
      },
      '/run/systemd/resolve/stub-resolv.conf',
    ],
    [
      "4. NetworkManager's",
      { '/etc/resolv.conf': '/run/NetworkManager/resolv.conf' },
      '/run/NetworkManager/resolv.conf',
    ],
    [
      '5. through /var/run, which is a link itself (podman 18934)',
      { '/etc/resolv.conf': '/var/run/systemd/resolve/resolv.conf' },
      '/run/systemd/resolve/resolv.conf',
    ],
    [
      '6. a linked directory on the way (podman 12461)',
      {
        '/etc': 'state/etc',
        '/state': null,
        '/state/etc': null,
        '/state/etc/resolv.conf': '../../run/resolvconf/resolv.conf',
      },
      '/run/resolvconf/resolv.conf',
    ],
    [
      '7. two links outside /run',
      {
        '/etc/resolv.conf': 'resolvconf/run.conf',
        '/etc/resolvconf': null,
        '/etc/resolvconf/run.conf': '/usr/lib/resolv.conf',
        '/usr/lib/resolv.conf': null,
      },
      '/usr/lib/resolv.conf',
    ],
    // And what can be wrong or odd with them.
    ['no file at all', {}, null],
    ['dangling outside /run', { '/etc/resolv.conf': '/usr/lib/gone.conf' }, null],
    ['dangling below /run', { '/etc/resolv.conf': '/run/gone/resolv.conf' }, '/run/gone/resolv.conf'],
    ['a relative /var/run', { '/var/run': '../run', '/etc/resolv.conf': '/var/run/r.conf' }, '/run/r.conf'],
    [
      '`..` behind a link goes up from where the link leads, not from its name',
      { '/etc/resolv.conf': '/var/run/../usr/lib/r.conf', '/usr/lib/r.conf': null },
      '/usr/lib/r.conf',
    ],
    [
      'into /run and out again is not below /run',
      { '/etc/resolv.conf': '/run/../usr/lib/r.conf', '/usr/lib/r.conf': null },
      '/usr/lib/r.conf',
    ],
    ['`..` below /run', { '/etc/resolv.conf': '/run/a/./../b//r.conf' }, '/run/b/r.conf'],
    ['above the root', { '/etc/resolv.conf': '../../../../run/r.conf' }, '/run/r.conf'],
    ['a name that only begins like /run', { '/etc/resolv.conf': '/runner/r.conf' }, null],
    ['a file where a directory should be', { '/etc/resolv.conf': '/usr/lib/f/r.conf', '/usr/lib/f': null }, null],
  ] as [string, Tree, string | null][]) {
    it(layout, () => expect(resolvConfTarget(reader({ ...HOST, ...links }))).to.equal(expected));
  }

  it('follows 255 links and no more', () => {
    const chain = (length: number): Tree => ({
      ...HOST,
      ...Object.fromEntries(Array.from({ length }, (_, index) => [`/etc/l${index}`, `l${index + 1}`])),
      [`/etc/l${length}`]: null,
    });
    expect(resolvConfTarget(reader(chain(255)), '/etc/l0')).to.equal('/etc/l255');
    expect(codeOf(() => resolvConfTarget(reader(chain(256)), '/etc/l0'))).to.equal('ERR_MOUNT');
  });

  for (const [name, links] of [
    ['a loop', { '/etc/resolv.conf': 'resolv.conf' }],
    ['a loop of two that grows', { '/etc/resolv.conf': 'x/y', '/etc/x': '../etc/x/x' }],
    ['a link to /run itself', { '/etc/resolv.conf': '/var/run' }],
    ['a link to the root', { '/etc/resolv.conf': '/' }],
  ] as [string, Tree][]) {
    it(`refuses ${name}`, () => {
      expect(codeOf(() => resolvConfTarget(reader({ ...HOST, ...links })))).to.equal('ERR_MOUNT');
    });
  }

  it('ends on any tree of links, with a normal path, null or ERR_MOUNT', () => {
    const name = fc.constantFrom('etc', 'run', 'var', 'a', 'resolv.conf', '..', '.', '');
    const text = fc
      .tuple(fc.boolean(), fc.array(name, { maxLength: 5 }))
      .map(([isAbsolute, names]) => (isAbsolute ? '/' : '') + names.join('/'));
    const kind = fc.oneof(fc.constant(null), fc.constant(undefined), text);
    fc.assert(
      fc.property(fc.func<[string], string | null | undefined>(kind), (readLink) => {
        const targets: (string | null)[] = [];
        const code = codeOf(() => targets.push(resolvConfTarget(readLink)));
        expect(code).to.be.oneOf([undefined, 'ERR_MOUNT']);
        for (const target of targets) if (target !== null) expect(target).to.match(/^(\/(?!\.{0,2}(\/|$))[^/]+)+$/);
      }),
      { numRuns: 1000 },
    );
  });
});
