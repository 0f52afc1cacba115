/** The Host header of HTTP: by which name a server was asked for. */

const HOST = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i;

/** Lower case, without port and brackets; empty for what is no such header. */
export function hostNameOf(header: string | undefined): string {
  const parts = HOST.exec(header ?? '');
  return (parts?.[1] ?? parts?.[2] ?? '').toLowerCase();
}
