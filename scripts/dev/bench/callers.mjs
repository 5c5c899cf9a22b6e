/** The same command many times, from several processes at once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { env } from './host.mjs';

const LIMIT_MS = 120_000;

/** bash(1), for its clock costs no process. A line for each call: its microseconds, or what went wrong. */
const CALLER = `
i=$1 calls=$2 callers=$3; shift 3
while [ $i -lt $calls ]; do
  begin=$EPOCHREALTIME
  "\${@//@/$i}" || echo "$*: status $?"
  end=$EPOCHREALTIME
  echo $((\${end/[.,]/} - \${begin/[.,]/}))
  i=$((i + callers))
done`;

/** The seconds of each of so many calls from so many processes; `@` in the command stands for the number of the call. */
export async function call(calls, callers, ...command) {
  const all = Array.from({ length: callers }, async (_, i) => {
    const child = spawn('bash', ['-c', CALLER, 'bash', i, calls, callers, ...command].map(String), {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    let words = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (words += text));
    await once(child, 'exit');
    return words.trim().split('\n');
  });
  const lines = (await Promise.all(all)).flat();
  const bad = lines.filter((line) => !/^\d+$/.test(line));
  if (bad.length > 0 || lines.length !== calls) {
    throw new Error(`${command.join(' ')}: ${lines.length} lines from ${calls} calls; ${bad.slice(0, 3).join('; ')}`);
  }
  return lines.map((line) => Number(line) / 1e6);
}
