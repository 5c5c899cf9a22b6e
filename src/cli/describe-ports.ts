import type { ListedPort } from '../ports/listing.js';
import { hostSide, ownerOfListed, targetSide } from '../ports/port.js';
import { sourcesInWords } from '../ports/sources.js';
import { openTo } from '../ports/words.js';
import { bytes, count } from '../text/words.js';
import type { Screen } from './screen.js';
import { table } from './table.js';

/** Ports in words, as a table. */
export function describePorts(ports: readonly ListedPort[], screen: Screen): string {
  const rows = ports.map((port) => [
    hostSide(port),
    port.toHost ? `<- 127.0.0.1:${port.targetPort}` : `-> ${targetSide(port)}`,
    openTo(port),
    ownerOfListed(port),
    port.forwarder,
    port.toHost ? 'loopback' : sourcesInWords(port.forwarder),
    port.problem ?? traffic(port),
  ]);
  return table(['HOST', 'INSIDE', 'OPEN TO', 'OWNER', 'FORWARDER', 'SHOWS', 'STATE'], rows, screen);
}

/** "2 clients, 31 so far, 3 in vain, 12 kB in, 3.4 MB out" */
function traffic({ clients, counters }: ListedPort): string {
  if (clients === null) return 'open';
  const now = count(clients, 'client');
  if (counters === null || counters.connections === 0) return now;
  const { connections, failed, received, sent } = counters;
  const inVain = failed === 0 ? [] : [`${failed} in vain`];
  return [now, `${connections} so far`, ...inVain, `${bytes(received)} in`, `${bytes(sent)} out`].join(', ');
}
