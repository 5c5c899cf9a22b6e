import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { errnoCode } from '../config/errno.js';
import { tryProgram } from '../exec/probe.js';

/** What came of one question. */
export interface DnsAnswer {
  server: string;
  /** The response code's name, whichever it is: NXDOMAIN and SERVFAIL are answers as well. */
  answer: string | null;
  /** Why there was none. */
  problem: string | null;
}

const TIMEOUT_MS = 1200;
const AGAIN_MS = 400;
/** https://www.iana.org/assignments/dns-parameters, RCODEs. */
const CODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

/** Ask each for the name servers of the root, which every resolver knows, and no name of anybody's shows in. */
export async function askDns(servers: readonly string[], port = 53): Promise<DnsAnswer[]> {
  return Promise.all(servers.map(async (server) => ask(server, port)));
}

/** The same by a process in another network namespace; this one can't go there. */
export async function askDnsFrom(
  enter: readonly string[],
  servers: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<DnsAnswer[]> {
  if (servers.length === 0) return [];
  const main = fileURLToPath(new URL('../../dist/cli/main.cjs', import.meta.url));
  const command = [...enter, process.execPath, main, 'ask-dns', ...servers];
  const { status, stdout, stderr, outcome } = await tryProgram(command, { env, timeoutMs: TIMEOUT_MS + 1000 });
  if (status === 0) return JSON.parse(stdout) as DnsAnswer[];
  return servers.map((server) => ({ server, answer: null, problem: stderr.trim() || outcome }));
}

async function ask(server: string, port: number): Promise<DnsAnswer> {
  const id = randomInt(0x10000);
  const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
  const over = new AbortController();
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      socket.on('message', (message) => {
        if (message.length < 12 || message.readUInt16BE(0) !== id) return;
        const code = message.readUInt8(3) & 0xf;
        resolve(CODES[code] ?? `code ${code}`);
      });
      socket.on('error', reject);
      // Connected, so that a refusal (ICMP) is an error, and only the server's answer is one.
      socket.on('connect', () => {
        socket.send(question(id));
        void sleep(AGAIN_MS, undefined, over).then(
          () => socket.send(question(id)),
          () => undefined,
        );
      });
      socket.connect(port, server);
      void sleep(TIMEOUT_MS, undefined, over).then(
        () => reject(new Error('silent')),
        () => undefined,
      );
    });
    return { server, answer, problem: null };
  } catch (error) {
    return {
      server,
      answer: null,
      problem: errnoCode(error) ?? (error instanceof Error ? error.message : String(error)),
    };
  } finally {
    over.abort();
    socket.close();
  }
}

/** RFC 1035, 4.1: one question, recursion desired; the root is the empty name; type NS, class IN. */
function question(id: number): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(0x0100, 2);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([header, Buffer.from([0, 0, 2, 0, 1])]);
}
