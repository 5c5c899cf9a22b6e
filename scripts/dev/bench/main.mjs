/**
 * Measure, and print what was compared and each figure beside its target. Called by bench.sh.
 *
 * Arguments: [PART…]; every part whose name holds one of these words, all without one. They run in the order below.
 */
import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { cni } from './cni.mjs';
import { printTable } from './figures.mjs';
import { output, removeAll } from './host.mjs';
import { ROUNDS } from './hyperfine.mjs';
import { cold, joining } from './joining.mjs';
import { parallelReferences } from './parallel-references.mjs';
import { ports } from './ports.mjs';
import { ps } from './ps.mjs';
import { manyReferences, references } from './references.mjs';
import { tiedReferences } from './tied-references.mjs';

const WARM_RUNS = Number(process.env.RNETNS_BENCH_RUNS ?? 100);
const PARTS = {
  joining,
  cold,
  references,
  'many-references': manyReferences,
  'parallel-references': parallelReferences,
  'tied-references': tiedReferences,
  cni,
  ps,
  ports,
};

function chosen(words) {
  const strange = words.find((word) => !Object.keys(PARTS).some((part) => part.includes(word)));
  if (strange !== undefined) throw new Error(`no part ${strange}; there are ${Object.keys(PARTS).join(', ')}`);
  return Object.entries(PARTS).filter(([part]) => words.length === 0 || words.some((word) => part.includes(word)));
}

function printHost() {
  console.log(`kernel ${release()}, ${cpus().length} cores: ${cpus()[0]?.model ?? 'unknown'}`);
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8'));
  // pasta 2025-05-03 says nothing when its stdout is no terminal.
  const pasta = output('sh', ['-c', 'dpkg-query -W passt 2>/dev/null || pasta --version | head -n 1']);
  console.log(
    `rnetns ${version} (Node ${process.version}), ${output('podman', ['--version'])}, ${pasta.replace('\t', ' ')}`,
  );
  console.log(
    `${output('hyperfine', ['--version'])}; medians of ${ROUNDS} rounds, warm ones of ${WARM_RUNS} runs each`,
  );
  console.log('Only the ratios say something: both sides in one run, on one machine. A busy machine blurs them.\n');
}

try {
  const parts = chosen(process.argv.slice(2));
  printHost();
  for (const [, measure] of parts) await measure(WARM_RUNS);
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
printTable();
await removeAll();
