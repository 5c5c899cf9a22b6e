import { readFile } from 'node:fs/promises';
import { Argument, Command } from 'commander';
import { SHELLS, type Shell } from '../../completion/table.js';
import { SCRIPTS } from '../../namespace/scripts.js';

export function completionCommand(): Command {
  return new Command('completion')
    .description('the script that completes rnetns in your shell')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText('after', EXAMPLES)
    .action(async (shell: Shell, _options: unknown, command: Command) => {
      const { describeCommands } = await import('../../completion/spec.js');
      const { renderTable } = await import('../../completion/table.js');
      const table = renderTable(describeCommands(command.parent ?? command), shell);
      const script = await readFile(`${SCRIPTS.completion}.${shell}`, 'utf8');
      // zsh looks at the first line for what a file of $fpath completes.
      process.stdout.write(`${shell === 'zsh' ? '#compdef rnetns\n' : ''}${table}\n\n${script}`);
    });
}

const EXAMPLES = `
Examples:
  # with fpath+=(~/.zfunc) before compinit
  rnetns completion zsh >~/.zfunc/_rnetns
  rnetns completion fish >~/.config/fish/completions/rnetns.fish
  rnetns completion bash \\
    >~/.local/share/bash-completion/completions/rnetns`;
