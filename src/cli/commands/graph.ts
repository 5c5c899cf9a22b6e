import { Command, Option } from 'commander';
import { RnetnsError } from '../../errors/error.js';
import type { Graph } from '../../graph/graph.js';
import { stateOf, type CommonOptions } from '../context.js';
import { print } from '../report.js';
import { screenOf } from '../screen.js';

const FORMATS = ['tree', 'dot', 'mermaid', 'svg'] as const;

interface GraphOptions extends CommonOptions {
  format: (typeof FORMATS)[number];
}

export function graphCommand(): Command {
  return new Command('graph')
    .description('a picture of the namespace: host, driver, bridges, containers, processes')
    .addOption(new Option('--format <format>', 'how it is drawn').choices(FORMATS).default('tree'))
    .option('--json', 'what is drawn, as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  rnetns graph\n  rnetns graph --format svg >namespace.svg\n  rnetns graph --format dot | dot -Tpdf -o namespace.pdf',
    )
    .action(async (_options: GraphOptions, command: Command) => {
      const options = command.optsWithGlobals<GraphOptions>();
      if (options.json === true && command.getOptionValueSource('format') !== 'default') {
        throw new RnetnsError('ERR_USAGE', 'graph takes --json or --format, not both', { hint: 'rnetns graph --help' });
      }
      const { readFacts } = await import('../../graph/facts.js');
      const { buildGraph } = await import('../../graph/model.js');
      const graph = buildGraph(await readFacts(stateOf(options)));
      const text = await render(graph, options.format);
      print(options.json, graph, () => text);
    });
}

async function render(graph: Graph, format: GraphOptions['format']): Promise<string> {
  switch (format) {
    case 'tree':
      return (await import('../../graph/tree.js')).renderTree(graph, screenOf(process.stdout));
    case 'dot':
      return (await import('../../graph/dot.js')).renderDot(graph);
    case 'mermaid':
      return (await import('../../graph/mermaid.js')).renderMermaid(graph);
    case 'svg':
      return (await import('../../graph/svg.js')).renderSvg(graph);
  }
}
