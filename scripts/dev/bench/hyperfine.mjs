/** hyperfine(1), in rounds, so that noise meets all commands alike. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { median } from './figures.mjs';
import { base, env } from './host.mjs';

export const ROUNDS = 3;

/** Median seconds of each command over all rounds; `prepare` runs before each run of it, and isn't measured. */
export function hyperfine(commands, runs, warmup) {
  const times = commands.map(() => []);
  const json = join(base, 'hyperfine.json');
  const asked = commands.map((command) => (typeof command === 'string' ? { run: command } : command));
  const prepare = asked.some((command) => command.prepare !== undefined);
  const words = asked.flatMap(({ run, prepare: before = 'true' }) => [...(prepare ? ['--prepare', before] : []), run]);
  for (let round = 0; round < ROUNDS; round += 1) {
    const options = ['-N', '--style', 'none', '--warmup', `${warmup}`, '--runs', `${runs}`, '--export-json', json];
    const { status, stderr } = spawnSync('hyperfine', [...options, ...words], {
      env,
      encoding: 'utf8',
      timeout: 300_000,
    });
    const all = asked.map(({ run }) => run).join(' | ');
    if (status !== 0) throw new Error(`hyperfine ${all}: ${stderr.trim() || 'no end in 300 s'}`);
    JSON.parse(readFileSync(json, 'utf8')).results.forEach((result, i) => times[i].push(...result.times));
  }
  return times.map(median);
}
