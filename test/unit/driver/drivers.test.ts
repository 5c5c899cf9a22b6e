import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { DRIVER_NAMES } from '../../../src/config/config.js';
import { defaultConfig } from '../../../src/config/defaults.js';
import { CONNECTING, driverNamed, DRIVERS, quirksOf } from '../../../src/driver/drivers.js';
import { parseRecord } from '../../../src/state/record.js';

const netnsPath = '/run/user/1000/rnetns/default/rootless-netns/rootless-netns';
const features = new Set(['--disable-host-loopback']);
const plans = DRIVERS.map((driver) => ({
  driver,
  plan: driver.plan({
    config: defaultConfig(),
    path: driver.program === null ? '' : '/opt/driver',
    features,
    netnsPath,
  }),
}));

describe('the list of drivers', () => {
  it('has those that the settings can name', () => {
    expect(DRIVERS.map(({ name }) => name)).to.have.members([...DRIVER_NAMES]);
    for (const name of DRIVER_NAMES) expect(driverNamed(name).name).to.equal(name);
  });

  for (const { driver, plan } of plans) {
    const { name, program, quirks } = driver;

    it(`${name}: what it plans says of it what the list does, so that a plan can be followed without the list`, () => {
      expect(plan.name).to.equal(name);
      expect(plan.path === null).to.equal(program === null);
      if (plan.path === null || program === null) return;
      expect(plan.readyFd).to.equal(program.readyFd);
      expect(plan.quirks).to.deep.equal(quirks);
    });

    it(`${name}: a version before, or a later one, may have written fewer quirks or more`, () => {
      expect(quirksOf({ name })).to.deep.equal(quirks);
      const other = { disableDad: !quirks.disableDad, hasPorts: 1 };
      const record = { version: 1, generation: 'g', bootId: 'b', netnsInode: 4 };
      const read = (known: unknown) =>
        parseRecord(JSON.stringify({ ...record, plan: { driver: { ...plan, quirks: known }, mounts: [] } }))?.plan
          .driver;
      expect(quirksOf(read(other) ?? plan)).to.deep.include({ ...quirks, disableDad: other.disableDad });
      expect(read(undefined)?.path).to.equal(plan.path);
      for (const damaged of [null, 'no', { disableDad: 1 }]) expect(read(damaged)).to.equal(undefined);
    });
  }

  it('knows each by its command line, and only for its own namespace', () => {
    for (const { driver, plan } of plans.filter(({ plan: { path } }) => path !== null)) {
      const args = ['/opt/driver', ...plan.args];
      const known = CONNECTING.filter(({ program }) => program.isRunBy(args, netnsPath));
      expect(known).to.deep.equal([driver]);
      expect(CONNECTING.filter(({ program }) => program.isRunBy(args, `${netnsPath}x`))).to.deep.equal([]);
    }
  });

  // Or a driver would be more than its folder and its place in the list.
  it('is asked for what a driver is like: nobody else names one', () => {
    const files = [
      ...readdirSync('src', { recursive: true, encoding: 'utf8' })
        .map((file) => join('src', file))
        .filter((file) => file.endsWith('.ts') && !MAY_NAME.some((place) => file.startsWith(place))),
      ...readdirSync('scripts').flatMap((file) => (/^rnetns$|\.sh$/.test(file) ? [join('scripts', file)] : [])),
    ];
    expect(files).to.include('src/lifecycle/make-plan.ts').and.include('scripts/supervisor.sh');
    const naming = new RegExp(`${CONNECTING.map(({ name }) => name).join('|')}|name [!=]== 'none'`, 'i');
    const lines = files.flatMap((file) =>
      withoutComments(file).flatMap((line) => (naming.test(line) ? [`${file}: ${line.trim()}`] : [])),
    );
    expect(lines).to.deep.equal([]);
  });
});

const MAY_NAME = [
  'src/driver/',
  // Keys and values that are documented, and which of them belong together.
  'src/config/',
  // Words for users: what an error means, and an example.
  'src/errors/error.ts',
  'src/cli/commands/doctor.ts',
];

function withoutComments(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return file.endsWith('.ts')
    ? text
        .replace(/\/\*.*?\*\//gs, '')
        .replace(/(^|\s)\/\/.*$/gm, '')
        .split('\n')
    : text.replace(/(^|\s)#.*$/gm, '').split('\n');
}
