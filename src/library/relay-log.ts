/**
 * A log line of a program of ours, in a process that is not: what it should know is a warning (`process.on('warning')`),
 * and what was asked for with a log level goes to stderr, where the same program would have put it.
 */
export function relayLog(line: string): void {
  const warning = /^\S+ rnetns (?:error|warn): (.*)$/.exec(line)?.[1];
  if (warning === undefined) process.stderr.write(`${line}\n`);
  else process.emitWarning(warning, 'RnetnsWarning');
}
