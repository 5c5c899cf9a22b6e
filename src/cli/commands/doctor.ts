import { Command, Option } from 'commander';
import { processEnvironment } from '../../config/environment.js';
import { CHECK_IDS, type CheckId } from '../../doctor/ids.js';
import type { Diagnosis } from '../../doctor/run-checks.js';
import { EXIT } from '../../errors/error.js';
import { backgroundEnvironment } from '../../exec/background.js';
import { checkName, DEFAULT_NAME, findRuntime } from '../../state/runtime.js';
import { loadSettings, type CommonOptions } from '../context.js';
import { print } from '../report.js';
import { screenOf, type Screen } from '../screen.js';
import { version } from '../version.js';
import { onOneLine } from '../../text/printable.js';
import { count } from '../../text/words.js';
import type { Bundle } from '../../doctor/bundle.js';

interface DoctorOptions extends CommonOptions {
  check?: CheckId[];
  bundle?: string;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('can this host do it? Try all that a namespace needs, and say what is wrong and what to do')
    .option('--json', 'as JSON')
    .addOption(new Option('--check <id...>', 'only these checks').choices(CHECK_IDS))
    .option('--bundle <file>', 'also pack all that a bug report needs into a new .tar.gz, without secrets')
    .addHelpText(
      'after',
      '\nExamples:\n  rnetns doctor\n  rnetns doctor --check tun pasta\n  rnetns doctor --bundle report.tar.gz',
    )
    .action(async (_options: DoctorOptions, command: Command) => {
      const options = command.optsWithGlobals<DoctorOptions>();
      const [{ Host }, { diagnose }, bundling] = await Promise.all([
        import('../../doctor/host.js'),
        import('../../doctor/run-checks.js'),
        import('../../doctor/bundle.js'),
      ]);
      const environment = processEnvironment();
      if (options.bundle !== undefined) bundling.refuseExisting(options.bundle);
      const host = new Host({
        version: version(),
        name: checkName(options.name ?? DEFAULT_NAME),
        environment,
        env: backgroundEnvironment(environment, environment.XDG_RUNTIME_DIR ?? ''),
        loadSettings: () => loadSettings(options),
        findRuntime: () => findRuntime(environment),
      });
      const diagnosis = await diagnose(host, options.check);
      const bundle = options.bundle === undefined ? null : await bundling.writeBundle(options.bundle, host, diagnosis);
      print(options.json, { ...diagnosis, bundle }, () => describe(diagnosis, bundle, screenOf(process.stdout)));
      process.exitCode = diagnosis.ok ? EXIT.ok : EXIT.bad;
    });
}

const SIGNS = { ok: ['ok', '32'], warn: ['warning', '33'], fail: ['failed', '31'] } as const;
const SIGN_WIDTH = 8;
const ID_WIDTH = 16;

function describe({ checks }: Diagnosis, bundle: Bundle | null, { colour }: Screen): string {
  const paint = (text: string, code: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const indent = ' '.repeat(SIGN_WIDTH + 1 + ID_WIDTH + 1);
  const lines = checks.flatMap(({ id, status, detail, hint }) => {
    const [sign, code] = SIGNS[status];
    return [
      `${paint(sign.padEnd(SIGN_WIDTH), code)} ${id.padEnd(ID_WIDTH)} ${onOneLine(detail)}`,
      ...(hint === null ? [] : [`${indent}hint: ${onOneLine(hint)}`]),
    ];
  });
  const number = (status: keyof typeof SIGNS) => checks.filter((each) => each.status === status).length;
  return [
    ...lines,
    `${number('ok')} ok, ${count(number('warn'), 'warning')}, ${number('fail')} failed`,
    ...(bundle === null ? [] : describeBundle(bundle)),
  ].join('\n');
}

function describeBundle({ file, contents }: Bundle): string[] {
  return [
    `bundle ${onOneLine(file)} holds ${contents.join(' ')}`,
    'left out: passwords in addresses, values named as secrets, other variables, your home directory; look before you send it',
  ];
}
