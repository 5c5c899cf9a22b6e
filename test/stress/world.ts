/** What one run of stress shares: the namespaces' directories and settings, what runs now, and what is noted about it. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Background } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import { Figures } from './figures.js';
import { LINGER, NAMES, type Name, type Operation } from './plan.js';
import { Trace } from './trace.js';

export interface Active {
  operation: Operation;
  background: Background;
  /** We have sent it SIGKILL: then it may end in any way. */
  killed: boolean;
}

export class World {
  readonly figures = new Figures();
  trace = new Trace();
  /** Operations that have begun and not ended. */
  readonly active = new Set<Active>();

  constructor(readonly runtime: RuntimeDir) {
    for (const name of NAMES) {
      mkdirSync(join(this.configHome(name), 'rnetns'), { recursive: true });
      writeFileSync(join(this.configHome(name), 'rnetns/rnetns.conf'), `[rnetns]\nlinger = ${LINGER[name]}\n`);
    }
  }

  stateDir(name: Name): string {
    return this.runtime.stateDir(name);
  }

  /** Each name has settings of its own: a file given by hand would be checked by Node on every call. */
  env(name: Name): NodeJS.ProcessEnv {
    return { ...this.runtime.env, XDG_CONFIG_HOME: this.configHome(name) };
  }

  private configHome(name: Name): string {
    return join(this.runtime.env.XDG_CONFIG_HOME ?? '', name);
  }
}
