/**
 * Google as a cloud node sees it, on loopback: the metadata server that gives the node's token, a bucket, Secret Manager. It answers
 * as their documents say, refuses who shows no token, and looks at every request whether a secret stands on any command line.
 */
import assert from 'node:assert/strict';
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** The node's own; lives an hour at Google. */
export const NODE_TOKEN = 'ya29.a0-token_of.the-node';
const BODY_BYTES_MAX = 1024 * 1024;
/** What Secret Manager takes. */
const PAYLOAD_BYTES_MAX = 64 * 1024;

export class GoogleCloud {
  /** Versions by the name of their secret, oldest first. */
  readonly versions = new Map<string, Buffer[]>();
  /** Secrets that this node may not touch. */
  readonly forbidden = new Set<string>();
  /** Command lines and environments in which a secret was seen. */
  readonly leaks: string[] = [];
  readonly asked: string[] = [];
  private readonly server: Server = createServer((request, reply) => void this.answer(request, reply));
  private readonly buckets: string;

  /** @param buckets folder with a folder for each bucket */
  constructor(buckets: string) {
    this.buckets = buckets;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Where the node's scripts find it. */
  get environment(): Record<string, string> {
    const url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return { FOGLINE_METADATA_URL: url, FOGLINE_SECRETS_URL: url, FOGLINE_STORAGE_URL: `${url}/storage` };
  }

  private async answer(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const url = request.url ?? '';
    this.asked.push(`${request.method} ${url}`);
    this.lookForLeaks();
    const body = await bodyOf(request);
    if (url === '/computeMetadata/v1/instance/service-accounts/default/token') {
      if (request.headers['metadata-flavor'] !== 'Google') return say(reply, 403, {});
      return say(reply, 200, { access_token: NODE_TOKEN, expires_in: 3599, token_type: 'Bearer' });
    }
    if (request.headers.authorization !== `Bearer ${NODE_TOKEN}`) return refuse(reply, 401, 'UNAUTHENTICATED');
    const object = /^\/storage\/([a-z0-9._-]+\/[\w./-]+)$/.exec(url)?.[1];
    if (object !== undefined && request.method === 'GET') return this.sendObject(object, reply);
    const [, secret, verb] = /^\/v1\/(projects\/[\w-]+\/secrets\/[\w-]+)(\/versions\/latest:access|:addVersion)$/.exec(url) ?? [];
    if (secret === undefined) return refuse(reply, 404, 'NOT_FOUND');
    if (this.forbidden.has(secret)) return refuse(reply, 403, 'PERMISSION_DENIED');
    if (verb === ':addVersion' && request.method === 'POST') return this.addVersion(secret, body, reply);
    this.accessNewest(secret, reply);
  }

  private sendObject(object: string, reply: ServerResponse): void {
    const file = join(this.buckets, object);
    if (!existsSync(file)) return refuse(reply, 404, 'NOT_FOUND');
    reply.writeHead(200, { 'content-length': statSync(file).size });
    createReadStream(file).pipe(reply);
  }

  private accessNewest(secret: string, reply: ServerResponse): void {
    const all = this.versions.get(secret) ?? [];
    const newest = all.at(-1);
    if (newest === undefined) return refuse(reply, 404, 'NOT_FOUND');
    say(reply, 200, { name: `${secret}/versions/${all.length}`, payload: { data: newest.toString('base64'), dataCrc32c: '4022250974' } });
  }

  private addVersion(secret: string, body: Buffer, reply: ServerResponse): void {
    const { payload } = JSON.parse(body.toString('utf8')) as { payload: { data: string } };
    const data = Buffer.from(payload.data, 'base64');
    if (data.length > PAYLOAD_BYTES_MAX) return refuse(reply, 400, 'INVALID_ARGUMENT');
    this.versions.set(secret, [...(this.versions.get(secret) ?? []), data]);
    say(reply, 200, { name: `${secret}/versions/1`, state: 'ENABLED' });
  }

  /** The node's processes are seen from here too. A short-lived one may be missed; the one that asks is there. */
  private lookForLeaks(): void {
    const secrets = [NODE_TOKEN, ...[...this.versions.values()].flat().map((data) => data.toString('base64'))];
    for (const [secret, [first]] of this.versions) if (secret.endsWith('first-token')) secrets.push(first?.toString('utf8') ?? NODE_TOKEN);
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
      for (const file of ['cmdline', 'environ']) {
        try {
          const text = readFileSync(`/proc/${pid}/${file}`, 'utf8');
          if (secrets.some((secret) => text.includes(secret))) this.leaks.push(text.replaceAll('\0', ' '));
        } catch (error) {
          // It has ended, or is not ours to see.
          assert.match((error as NodeJS.ErrnoException).code ?? '', /^(ENOENT|ESRCH|EACCES|EPERM)$/);
        }
      }
    }
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  assert(body.length < BODY_BYTES_MAX);
  return body;
}

/** Google writes its JSON over several lines. */
function say(reply: ServerResponse, status: number, what: object): void {
  reply.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' });
  reply.end(`${JSON.stringify(what, null, 2)}\n`);
}

function refuse(reply: ServerResponse, code: number, status: string): void {
  say(reply, code, { error: { code, message: `refused: ${status}`, status } });
}
