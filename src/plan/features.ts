/**
 * The long options a program lists in its `--help` text, each with its dashes: `--map-guest-addr`.
 *
 * Only names at the start of a line's entry count (`-m, --mtu=MTU  …`), not those in running prose ("implies
 * --debug"): a missing feature is a clear error or a left-out extra, an imagined one makes the program exit.
 * pasta and slirp4netns both print their options this way, pasta on stderr in some versions: pass both streams.
 *
 * @param help - what the program wrote for `--help`; any text is accepted.
 */
export function parseHelpOptions(help: string): Set<string> {
  const options = new Set<string>();
  for (const line of help.split('\n')) {
    const entry = /^\s*(?:-\w\s*[,|]?\s+)?((?:--[a-z0-9][a-z0-9-]*[ ,|/]*)+)/i.exec(line)?.[1];
    for (const [name] of (entry ?? '').matchAll(/--[a-z0-9][a-z0-9-]*/gi)) options.add(name);
  }
  return options;
}
