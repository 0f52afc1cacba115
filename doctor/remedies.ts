/** Pure: what mends a machine, by where the program lies on it: npm is in a checkout alone, and Docker is not inside of a container. */
import type { Place } from '../common/installation.ts';

export interface Remedies {
  node: string;
  sqlite: string;
  nanomsg: string;
  kafka: string;
  redis: string;
  redisPassword: string;
}

const RELEASE_AGAIN = 'install a release that was made for this Node and kind of machine: install.sh upgrade (docs/deploying.md)';
const IMAGE_AGAIN = 'build the image anew: docker compose build';
const ELSEWHERE = 'set broker.kafka_brokers to where it is';

export const REMEDIES: Readonly<Record<Place, Remedies>> = {
  checkout: {
    node: 'install Node 22 (22.12 or newer; 20.19 does too), then npm ci',
    sqlite: 'npm ci with the Node that runs this (a compiler is needed where none is prebuilt)',
    nanomsg: 'npm ci with python3, make and g++ there',
    kafka: `docker compose up -d kafka, or ${ELSEWHERE}`,
    redis: 'docker compose up -d redis, or set redis.url to where it is',
    redisPassword: 'put the right one into redis.url or redis.password; docker-compose.yml takes it from secrets/redis-password',
  },
  release: {
    node: RELEASE_AGAIN,
    sqlite: RELEASE_AGAIN,
    nanomsg: RELEASE_AGAIN,
    kafka: `look whether it runs and can be reached from this host, or ${ELSEWHERE}`,
    redis: 'systemctl status redis-server says why where it runs on this host; else set redis.url to where it is',
    redisPassword: 'put the right one into redis.url or redis.password; what install.sh has made is in /etc/fogline/secrets/redis-url',
  },
  image: {
    node: IMAGE_AGAIN,
    sqlite: IMAGE_AGAIN,
    nanomsg: IMAGE_AGAIN,
    kafka: `docker compose up -d kafka where this container was started, or ${ELSEWHERE}`,
    redis: 'docker compose up -d redis where this container was started, or set redis.url to where it is',
    redisPassword: 'put the right one into secrets/redis-password, from which docker-compose.yml takes it, and start the services anew',
  },
};
