/** The launcher and all that it sources share one set of variables: what an option gave stays what it was. */

import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../fixtures/rnetns.js';

const DIRECTORY = join(projectRoot, 'scripts');
/** They read options of their own: those of a call that goes to Node, and containers of `netns delete`, which has no id. */
const OWN = { 'cold.sh': ['rn_name'], 'named.sh': ['rn_id'] } as Partial<Record<string, string[]>>;

describe('the variables of options', () => {
  const launcher = readFileSync(join(DIRECTORY, 'rnetns'), 'utf8');
  const options = [...launcher.matchAll(/^ +[a-z*:| -]+\) (rn_[a-z_]+)=\$\{?2/gm)].map(([, name = '']) => name);
  const sourced = readdirSync(DIRECTORY).filter(
    (file) => file.endsWith('.sh') && !readFileSync(join(DIRECTORY, file), 'utf8').startsWith('#!'),
  );

  it('are set by nothing that the launcher sources', () => {
    expect(options).to.include.members(['rn_id', 'rn_nets', 'rn_pid']);
    expect(sourced).to.include.members(['make.sh', 'references.sh']);
    const set = sourced.flatMap((file) => {
      const text = readFileSync(join(DIRECTORY, file), 'utf8');
      return (
        options
          .filter((name) => !(OWN[file] ?? []).includes(name))
          // A default for itself is no other value.
          .filter((name) =>
            new RegExp(`\\b${name}=(?!\\$\\{${name}:-)|\\bread\\b.*\\b${name}\\b|\\bfor ${name}\\b`).test(text),
          )
          .map((name) => `${file}: ${name}`)
      );
    });
    expect(set).to.deep.equal([]);
  });
});
