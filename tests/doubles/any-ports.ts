/** Options of `fogline run` for ports that nobody has: two runs that start together must not find the same preferred ones free. */
export const ANY_PORTS: readonly string[] = ['cloud.http_port=0', 'link.heartbeat_port=0', 'link.data_port=0'].flatMap((set) => [
  '--set',
  set,
]);
