/** Redis, where `redis.url` names one. Reads only. The URL is never repeated: it holds the password. */
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import type { Config } from '../common/config.ts';
import type { Place } from '../common/installation.ts';
import { type Check, missing, ok, unreachable, warn } from './check.ts';
import { REMEDIES, type Remedies } from './remedies.ts';

const DEADLINE_MS = 5_000;
/** Share of maxmemory from which room is short. */
const FULL_FROM = 0.9;

/** Of INFO and the URL. */
export interface RedisFacts {
  version: string;
  hasPassword: boolean;
  maxMemoryBytes: number;
  usedBytes: number;
  policy: string;
  evictedKeys: number;
}

export async function redisChecks(config: Config, place: Place): Promise<Check[]> {
  const { url, password, ca_file: caFile } = config.redis;
  if (url === '') return [];
  const remedy = 'write redis://:PASSWORD@HOST:PORT or rediss://:PASSWORD@HOST:PORT';
  if (!URL.canParse(url) || !/^rediss?:\/\/[^/]/.test(url)) return [missing('redis', 'redis.url is not the address of a server', remedy)];
  let ca: Buffer | undefined;
  try {
    if (caFile !== '') ca = readFileSync(caFile);
  } catch {
    return [missing('redis', `redis.ca_file: ${caFile} can't be read`, 'name a PEM file that can be read, or leave it empty')];
  }
  return inspectRedis(url, password, { ca, remedies: REMEDIES[place] });
}

async function inspectRedis(
  url: string,
  password: string,
  { ca, remedies }: { ca: Buffer | undefined; remedies: Remedies },
): Promise<Check[]> {
  const client = new Redis(url, {
    ...(password === '' ? {} : { password }),
    protocol: 2,
    replyMapping: 'legacy',
    lazyConnect: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: DEADLINE_MS,
    commandTimeout: DEADLINE_MS,
    disableClientInfo: true,
    ...(url.startsWith('rediss:') ? { tls: ca === undefined ? {} : { ca } } : {}),
  });
  let cause: Error | undefined;
  client.on('error', (error: Error) => {
    cause ??= error;
  });
  try {
    await client.connect();
    await client.ping();
    const info = await client.info();
    return factChecks(factsOf(info, new URL(url).password !== '' || password !== ''));
  } catch (error) {
    return [refusal(cause ?? (error as Error), remedies)];
  } finally {
    client.disconnect();
  }
}

function refusal(error: Error, { redis, redisPassword }: Remedies): Check {
  const { message } = error;
  if (/WRONGPASS|NOAUTH|AUTH/.test(message)) {
    return unreachable('redis', `refuses the password: ${message}`, redisPassword);
  }
  return unreachable('redis', `does not answer: ${message}`, redis);
}

export function factsOf(info: string, hasPassword: boolean): RedisFacts {
  const fields = new Map([...info.matchAll(/^([a-z_]+):(.*?)\r?$/gm)].map(([, key = '', value = '']) => [key, value]));
  const number = (key: string) => Number(fields.get(key) ?? 0);
  return {
    version: fields.get('redis_version') ?? 'unknown',
    hasPassword,
    maxMemoryBytes: number('maxmemory'),
    usedBytes: number('used_memory'),
    policy: fields.get('maxmemory_policy') ?? 'unknown',
    evictedKeys: number('evicted_keys'),
  };
}

/** Whatever Redis loses is filled in again, so none of this is more than a warning. */
export function factChecks({ version, hasPassword, maxMemoryBytes, usedBytes, policy, evictedKeys }: RedisFacts): Check[] {
  const checks = [ok('redis', `answers, version ${version}`)];
  if (!hasPassword)
    checks.push(warn('redis password', 'none is needed', 'set requirepass: whoever reaches the port may change what pages show'));
  const limit = maxMemoryBytes === 0 ? 'no maxmemory' : `maxmemory ${(maxMemoryBytes / 1e6).toFixed(0)} MB, ${policy}`;
  if (maxMemoryBytes > 0 && policy === 'noeviction' && usedBytes > FULL_FROM * maxMemoryBytes) {
    checks.push(
      warn('redis memory', `${limit}: nearly full, writes will be refused`, 'raise maxmemory, or take out what others keep there'),
    );
  } else if (maxMemoryBytes > 0 && policy !== 'noeviction') {
    const says = `${limit}: windows may be evicted (${evictedKeys} keys were) and are then filled in again`;
    checks.push(warn('redis memory', says, 'set maxmemory-policy noeviction, and maxmemory to what the households need'));
  } else {
    checks.push(ok('redis memory', `${limit}, ${(usedBytes / 1e6).toFixed(1)} MB used`));
  }
  return checks;
}
