import { tryProgram } from '../../exec/probe.js';
import { findProgram } from '../../exec/find-program.js';
import { userName } from '../../lifecycle/facts.js';
import { parseGetsubids, parseSubids, subidsProblem, type SubidRange } from '../../plan/id-map.js';
import { readOptional } from '../../state/files.js';
import { check, ok, warn, type Finding } from '../check.js';
import type { Host } from '../host.js';

const KINDS = ['uid', 'gid'] as const;
const GETSUBIDS_MS = 2000;
/** What container images expect. */
const USUAL = 65536;

export const subordinateIds = check('subordinate-ids', { gather, judge });

export interface Subids {
  kind: (typeof KINDS)[number];
  /** undefined: the file isn't there, or can't be read. */
  text: string | undefined;
  /** Of a directory service, asked when the file has none for this user; why not, if there were none. */
  service: { ranges: SubidRange[]; words: string } | undefined;
}

export interface Facts {
  user: string;
  uid: number;
  own: boolean;
  /** The source in nsswitch.conf(5) when it is no file: `sss`, for example. */
  source: string | undefined;
  files: Subids[];
}

async function gather({ path, env, ownUserns }: Host): Promise<Facts> {
  const [user, uid] = [userName(), process.geteuid?.() ?? 0];
  const getsubids = findProgram('getsubids', path);
  const files = KINDS.map(async (kind): Promise<Subids> => {
    const text = readOptional(`/etc/sub${kind}`);
    const inFile = parseSubids(text ?? '', user, uid).length > 0;
    if (inFile || getsubids === undefined || user === '') return { kind, text, service: undefined };
    const option = kind === 'gid' ? ['-g'] : [];
    const answer = await tryProgram([getsubids, ...option, user], { env, timeoutMs: GETSUBIDS_MS });
    const words = answer.stderr.trim() || answer.outcome;
    return { kind, text, service: { ranges: answer.status === 0 ? parseGetsubids(answer.stdout) : [], words } };
  });
  const source = /^\s*subid:\s*(\S+)/m.exec(readOptional('/etc/nsswitch.conf') ?? '')?.[1];
  return {
    user,
    uid,
    own: ownUserns,
    source: source === 'files' ? undefined : source,
    files: await Promise.all(files),
  };
}

/** Exported for its test. */
export function judge({ user, uid, own, source, files }: Facts): Finding {
  if (own) return ok('not needed: the user namespace that rnetns is called in will do');
  for (const { kind, text } of files) {
    const problem = subidsProblem(text ?? '', user, uid, `/etc/sub${kind}`);
    if (problem !== undefined) return warn(problem.why, problem.hint);
  }
  const found = files.map(({ kind, text, service }) => {
    const inFile = parseSubids(text ?? '', user, uid);
    return { kind, text: text ?? '', ranges: inFile.length > 0 ? inFile : (service?.ranges ?? []), inFile, service };
  });
  const lacking = found.filter(({ ranges }) => ranges.length === 0);
  if (lacking.length > 0) {
    const kinds = lacking.map(({ kind }) => `/etc/sub${kind}`).join(' and ');
    const why =
      source === undefined
        ? ''
        : `, and none from ${source} (nsswitch.conf): ${lacking[0]?.service?.words ?? 'no getsubids'}`;
    return warn(
      `none for ${user || `uid ${uid}`} in ${kinds}${why}; only your own id exists inside`,
      addCommand(user, found),
    );
  }
  for (const { kind, text, inFile } of found) {
    const other = overlap(text, inFile, user, uid);
    if (other !== undefined) {
      return warn(
        `/etc/sub${kind}: ${other.own} is yours and overlaps ${other.line}, so that you and they can change each other's files`,
        `sudo usermod --del-sub${kind}s ${dashed(other.ownRange)} ${user}; then ${addCommand(user, found)}`,
      );
    }
  }
  const counts = found.map(({ kind, ranges }) => {
    const count = ranges.reduce((sum, range) => sum + range.count, 0);
    return { kind, count };
  });
  const shown = counts.map(({ kind, count }) => `${count} ${kind}s`).join(', ');
  if (counts.some(({ count }) => count < USUAL)) {
    return warn(`${shown}: fewer than the ${USUAL} that container images expect`, addCommand(user, found));
  }
  return ok(shown + (source === undefined || found.every(({ inFile }) => inFile.length > 0) ? '' : ` from ${source}`));
}

/** A line of another user's that shares ids with one of ours. */
function overlap(
  text: string,
  own: readonly SubidRange[],
  user: string,
  uid: number,
): { line: string; own: string; ownRange: SubidRange } | undefined {
  for (const line of text.split('\n').map((each) => each.trim())) {
    const [owner = '', start = '', count = ''] = line.split(':');
    if (owner === user || owner === String(uid) || !/^\d+$/.test(start) || !/^\d+$/.test(count)) continue;
    const end = Number(start) + Number(count);
    const ours = own.find((range) => range.start < end && Number(start) < range.start + range.count);
    if (ours !== undefined) return { line, own: `${ours.start}:${ours.count}`, ownRange: ours };
  }
  return undefined;
}

const dashed = ({ start, count }: SubidRange): string => `${start}-${start + count - 1}`;

/** The first range behind all that are given to anybody. */
function addCommand(user: string, files: readonly { text: string }[]): string {
  if (user === '') return 'subordinate ids go to users with a name: add this uid to /etc/passwd';
  const ends = files.flatMap(({ text }) =>
    text.split('\n').map((line) => {
      const [, start = '', count = ''] = line.trim().split(':');
      return /^\d+$/.test(start) && /^\d+$/.test(count) ? Number(start) + Number(count) : 0;
    }),
  );
  const range = dashed({ start: Math.max(100_000, ...ends), count: USUAL });
  return `sudo usermod --add-subuids ${range} --add-subgids ${range} ${user}`;
}
