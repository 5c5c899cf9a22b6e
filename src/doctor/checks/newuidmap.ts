import { statSync } from 'node:fs';
import { Probe, tryProgram } from '../../exec/probe.js';
import { findProgram } from '../../exec/find-program.js';
import { shellWord } from '../../exec/shell-word.js';
import { readIdMap } from '../../lifecycle/facts.js';
import { mountOf } from '../../namespace/mountinfo.js';
import { readOptional } from '../../state/files.js';
import { check, ok, warn, type Finding } from '../check.js';
import type { Host } from '../host.js';
import { wordsOf } from '../scratch.js';

const TIMEOUT_MS = 1000;
const PROGRAMS = { uid: 'newuidmap', gid: 'newgidmap' } as const;
const PACKAGE = 'sudo apt-get install uidmap';

/** Why it doesn't matter, or what became of it. Without these programs rnetns works, with only the caller's own id. */
export const newuidmap = check('newuidmap', { gather, judge });

interface Refusal {
  program: string;
  path: string;
  words: string;
  setuid: boolean;
  /** The mount that it is on, when that lets no program have more rights than its caller. */
  nosuid: string | undefined;
}

type Facts =
  | { kind: 'not needed'; why: string }
  | { kind: 'missing'; programs: string[] }
  | { kind: 'not tried'; why: string }
  | { kind: 'mapped'; uids: number }
  | { kind: 'refused'; noNewPrivs: boolean; refusal: Refusal };

async function gather({ path, env, ownUserns }: Host): Promise<Facts> {
  if (ownUserns) return { kind: 'not needed', why: 'the user namespace that rnetns is called in will do' };
  const missing = Object.values(PROGRAMS).filter((program) => findProgram(program, path) === undefined);
  if (missing.length > 0) return { kind: 'missing', programs: missing };
  const maps = await readIdMap(path, env);
  if (maps.uid.length < 2 && maps.gid.length < 2) return { kind: 'not needed', why: 'there are no subordinate ids' };

  // Mapped from outside, as the real one is; `echo` tells that it is there.
  const pin = new Probe(['unshare', '--user', '--', 'sh', '-c', 'echo $$; exec sleep 5'], env);
  try {
    await pin.until(() => pin.said(1).endsWith('\n'), TIMEOUT_MS);
    const pid = pin.said(1).trim();
    if (pid === '')
      return {
        kind: 'not tried',
        why: wordsOf({ status: undefined, stdout: '', stderr: pin.said(2), outcome: 'no answer' }),
      };
    for (const kind of ['uid', 'gid'] as const) {
      if (maps[kind].length < 2) continue;
      const program = findProgram(PROGRAMS[kind], path) ?? '';
      const command = [program, pid, ...maps[kind].flat().map(String)];
      const result = await tryProgram(command, { env, timeoutMs: TIMEOUT_MS });
      if (result.status === 0) continue;
      const mount = mountOf(program);
      return {
        kind: 'refused',
        noNewPrivs: /^NoNewPrivs:\s*1$/m.test(readOptional('/proc/self/status') ?? ''),
        refusal: {
          program: PROGRAMS[kind],
          path: program,
          words: wordsOf(result),
          setuid: (statSync(program).mode & 0o4000) !== 0,
          nosuid: mount?.options.includes('nosuid') === true ? mount.point : undefined,
        },
      };
    }
    return { kind: 'mapped', uids: maps.uid.reduce((sum, [, , count]) => sum + count, 0) };
  } finally {
    await pin.end();
  }
}

function judge(facts: Facts): Finding {
  switch (facts.kind) {
    case 'not needed':
      return ok(`not needed: ${facts.why}`);
    case 'missing':
      return warn(`not installed: ${facts.programs.join(' ')}; only your own id exists inside`, PACKAGE);
    case 'not tried':
      return warn(`not tried: ${facts.why}`, 'see user-namespace');
    case 'mapped':
      return ok(`maps ${facts.uids} ids`);
    case 'refused': {
      const { program, path, words, setuid, nosuid } = facts.refusal;
      const [why, hint] = facts.noNewPrivs
        ? [
            'this process may gain no rights (no_new_privs)',
            'call rnetns outside of the container or unit: NoNewPrivileges=no in a unit, no --security-opt no-new-privileges in a container',
          ]
        : nosuid !== undefined
          ? [`it is on ${nosuid}, which is mounted with nosuid`, `sudo mount -o remount,suid ${shellWord(nosuid)}`]
          : !setuid
            ? [
                'it has no set-user-ID bit, and its file capability, if it has one, did not help',
                `sudo chmod u+s ${shellWord(path)}, or: sudo apt-get install --reinstall uidmap`,
              ]
            : ['it may have refused these ids', 'see subordinate-ids; newuidmap(1) lists what it asks for'];
      return warn(`${program} failed: ${words}: ${why}; only your own id exists inside`, hint);
    }
  }
}
