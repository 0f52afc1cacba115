/** One HTTP request exactly as written, from an address of choice: fetch would tidy up path and headers. */
import { type IncomingHttpHeaders, request } from 'node:http';

export interface RawReply {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export function rawRequest(
  port: number,
  path: string,
  more: { method?: string; headers?: Record<string, string>; body?: string; from?: string } = {},
): Promise<RawReply> {
  const { method = 'GET', headers = {}, body, from } = more;
  return new Promise((resolve, reject) => {
    const local = from === undefined ? {} : { localAddress: from };
    const asked = request({ port, host: '127.0.0.1', path, method, headers, agent: false, ...local }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      response.on('error', reject);
    });
    asked.on('error', reject).end(body);
  });
}
