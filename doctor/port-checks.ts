/** Whether the ports of the cloud server are free, and who has them where the system tells (Linux, own processes or root). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { FOGLINE } from '../common/installation.ts';
import type { Config } from '../common/config.ts';
import { type Check, missing, ok, warn } from './check.ts';

export interface PortHolder {
  pid: number;
  command: string;
}

/** Of a listening socket in /proc/net/tcp. */
const LISTENING = '0A';
const COMMAND_LENGTH_MAX = 80;
const OURS = /\bfogline(\.js|\.ts)?( |$)/;

export function portChecks(config: Config): Promise<Check[]> {
  const { cloud, link } = config;
  const wishes: [setting: string, host: string, port: number][] = [
    ['cloud.http_port', cloud.http_host, cloud.http_port],
    ['link.heartbeat_port', link.listen_host, link.heartbeat_port],
    ['link.data_port', link.listen_host, link.data_port],
  ];
  if (cloud.grpc_port !== null) wishes.push(['cloud.grpc_port', cloud.grpc_host, cloud.grpc_port]);
  return Promise.all(wishes.map(([setting, host, port]) => portCheck(setting, host, port)));
}

async function portCheck(setting: string, host: string, port: number): Promise<Check> {
  const name = `port ${port}`;
  if (port === 0) return ok(name, `${setting}: any free one`);
  const refusal = await listen(host, port);
  if (refusal === undefined) return ok(name, `free (${setting})`);
  if (refusal === 'EADDRINUSE') return taken(name, setting, holderOf(port));
  if (refusal === 'EACCES') return missing(name, `not allowed to this user (${setting})`, 'name one above 1023');
  return missing(name, `${host} is no address of this machine (${refusal})`, `name one of its own as host of ${setting}`);
}

function taken(name: string, setting: string, holder: PortHolder | undefined): Check {
  if (holder !== undefined && OURS.test(holder.command)) return ok(name, `fogline has it, pid ${holder.pid} (${setting})`);
  const who = holder === undefined ? 'another program' : `pid ${holder.pid}, ${holder.command}`;
  return warn(name, `taken by ${who}`, `end it, or give --set ${setting}=PORT; ${FOGLINE} run takes another by itself`);
}

/** @returns undefined when the port is free, else the code of the refusal */
function listen(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('listening', () => server.close(() => resolve(undefined)));
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host, exclusive: true });
  });
}

/** Undefined where it can't be told: no /proc, or somebody else's process. */
export function holderOf(port: number): PortHolder | undefined {
  try {
    const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => inodesOf(readFileSync(table, 'utf8'), port)));
    for (const name of readdirSync('/proc')) {
      if (/^\d+$/.test(name) && hasSocket(name, inodes)) return { pid: Number(name), command: commandOf(name) };
    }
  } catch {
    // Another system: nobody is named.
  }
  return undefined;
}

/** Exported for its test: sockets that listen at this port in a table of the kernel. */
export function inodesOf(table: string, port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const listens = fields[1]?.endsWith(`:${hexPort}`) === true && fields[3] === LISTENING;
    return listens && fields[9] !== undefined ? [fields[9]] : [];
  });
}

function hasSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => inodes.has(/^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1] ?? ''));
  } catch {
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim().slice(0, COMMAND_LENGTH_MAX);
  } catch {
    return 'unknown';
  }
}
