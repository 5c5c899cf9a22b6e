import { join } from 'node:path';
import { Command, Option } from 'commander';
import { processEnvironment } from '../../config/environment.js';
import { EXIT } from '../../errors/error.js';
import { searchPath } from '../../exec/find-program.js';
import type { Roots, Skipped, SysctlReport } from '../../inspect/sysctl/verify.js';
import type { CommonOptions } from '../context.js';
import { ProgressBar } from '../progress.js';
import { print } from '../report.js';
import { onOneLine } from '../../text/printable.js';

interface VerifyFlags {
  pattern?: string;
  oneWay?: boolean;
  tree?: string;
}

export function sysctlCommand(): Command {
  const sysctl = new Command('sysctl').description("the kernel's `net` sysctls");
  sysctl
    .command('verify')
    .description('change all that can be changed in a scratch namespace, and look what leaked out of it')
    .option('--pattern <pattern>', "only those that match, such as 'net/ipv4/*'")
    .option('--one-way', 'also write what all namespaces share until the next boot, once it is written')
    .option('--json', 'as JSON')
    .addOption(new Option('--tree <dir>', 'outside/, inside/ and witness/ in place of /proc/sys').hideHelp())
    .addHelpText('after', "\nExamples:\n  rnetns sysctl verify\n  rnetns sysctl verify --pattern 'net/ipv4/*' --json")
    .action(async (_options: CommonOptions, command: Command) => {
      const { json, ...options } = command.optsWithGlobals<CommonOptions & VerifyFlags>();
      const report = await verify(options);
      print(json, report, () => describe(report));
      process.exitCode = report.leaks.length + report.unclear.length > 0 ? EXIT.bad : EXIT.ok;
    });
  return sysctl;
}

/** A signal ends it only when what was changed inside is put back, for some of it may be the host's. */
async function verify({ pattern, oneWay, tree }: VerifyFlags): Promise<SysctlReport> {
  const { verifySysctls } = await import('../../inspect/sysctl/verify.js');
  const stop = new AbortController();
  const caught: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const abort = (signal: NodeJS.Signals): void => stop.abort(signal);
  for (const signal of caught) process.once(signal, abort);
  const bar = new ProgressBar('sysctls');
  try {
    return await verifySysctls({
      program: {
        argv: [process.execPath, process.argv[1] ?? '', 'sysctl-inside'],
        env: { PATH: searchPath(processEnvironment().PATH), LC_ALL: 'C.UTF-8' },
      },
      pattern,
      oneWay,
      ...(tree === undefined ? {} : { roots: rootsBelow(tree) }),
      signal: stop.signal,
      onProgress: (done, total) => bar.update(done, total),
    });
  } finally {
    bar.clear();
    for (const signal of caught) process.off(signal, abort);
    if (stop.signal.aborted) process.kill(process.pid, stop.signal.reason as NodeJS.Signals);
  }
}

function rootsBelow(tree: string): Roots {
  return { outside: join(tree, 'outside'), inside: join(tree, 'inside'), witness: join(tree, 'witness') };
}

function describe(report: SysctlReport): string {
  const { leaks, unclear, changed, skipped, kernel } = report;
  return [
    `Linux ${kernel}: changed ${changed} of ${changed + skipped.length} sysctls in a scratch network namespace`,
    ...skippedLines(skipped),
    ...unclear.map(({ name, before, after }) => onOneLine(`? ${name}: ${before} -> ${after}, and not again`)),
    ...leaks.map(({ name, before, after, by, restored }) =>
      onOneLine(
        `! ${name}: ${before} -> ${after}${by === name ? '' : `, by ${by}`}${restored ? '' : '; it was NOT put back'}`,
      ),
    ),
    leaks.length > 0
      ? `${leaks.length} leaked: what is written there in one network namespace is seen in others`
      : unclear.length > 0
        ? `${unclear.length} changed outside while others were written: perhaps the host's own doing; try again`
        : changed === 0
          ? 'nothing could be changed, so nothing is shown'
          : 'no leak: none of those changed was seen outside',
  ].join('\n');
}

/** By reason, the longest list first to read past. */
function skippedLines(skipped: readonly Skipped[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { name, why } of skipped) reasons.set(why, [...(reasons.get(why) ?? []), name]);
  return [...reasons]
    .sort(([, a], [, b]) => b.length - a.length)
    .flatMap(([why, names]) => [
      onOneLine(`skipped ${names.length}: ${why}`),
      ...byDirectory(names).map((line) => `  ${onOneLine(line)}`),
    ]);
}

/** Where there are many, as for each interface of the host's, how many; --json has them all. */
function byDirectory(names: readonly string[]): string[] {
  const directories = new Map<string, string[]>();
  for (const name of names) {
    const end = name.lastIndexOf('/') + 1;
    const directory = name.slice(0, end);
    directories.set(directory, [...(directories.get(directory) ?? []), name.slice(end)]);
  }
  return [...directories].map(
    ([directory, last]) => `${directory} ${last.length > MANY ? `(${last.length} of them)` : last.join(' ')}`,
  );
}

const MANY = 8;
