import { isIP } from 'node:net';
import { askDns } from '../../doctor/dns.js';
import { EXIT } from '../../errors/error.js';

/** `ask-dns SERVER…`: doctor's own, in the network namespace that it asks about. */
export async function askDnsCommand(args: readonly string[]): Promise<number> {
  process.stdout.write(JSON.stringify(await askDns(args.filter(isIP))));
  return EXIT.ok;
}
