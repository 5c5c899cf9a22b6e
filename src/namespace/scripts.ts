import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The sh programs of this package; beside dist/, wherever it is installed. */
const DIRECTORY = fileURLToPath(new URL('../../scripts/', import.meta.url));

export const SCRIPTS = {
  launcher: `${DIRECTORY}rnetns`,
  /** Followed by the name of the shell. */
  completion: `${DIRECTORY}completion/rnetns`,
  supervisor: `${DIRECTORY}supervisor.sh`,
  forwarder: `${DIRECTORY}forwarder.sh`,
  cniSession: `${DIRECTORY}cni-session.sh`,
  process: `${DIRECTORY}process.sh`,
  netavark: `${DIRECTORY}netavark.sh`,
  survey: `${DIRECTORY}survey.sh`,
  visit: `${DIRECTORY}visit.sh`,
  driverTrial: `${DIRECTORY}driver-trial.sh`,
  teardown: `${DIRECTORY}teardown.sh`,
  /** Not a program, but what allows the launcher to work. */
  apparmor: fileURLToPath(new URL('../../configs/apparmor/rnetns', import.meta.url)),
} as const;

/** Scripts as one text, for `sh -c` where their files may be hidden: what the last one would source comes before it. */
export function scriptText(...scripts: ('process' | 'cniSession' | 'netavark' | 'survey' | 'visit')[]): string {
  const files = [`${DIRECTORY}programs.sh`, ...scripts.map((script) => SCRIPTS[script])];
  return files.map((file) => readFileSync(file, 'utf8')).join('');
}
