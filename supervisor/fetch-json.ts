/** Asks a part over HTTP on this machine. An answer that does not come is an ordinary thing here: parts are restarted. */
import { get } from 'node:http';
import { bearer } from '../common/bearer.ts';

const STATUS_DEADLINE_MS = 1_000;
/** An edge's status with thousands of households, or a page of the API. */
const BYTES_MAX = 8 << 20;

/**
 * @param token dashboard.token, empty for none
 * @returns undefined when there is no good answer in time; never rejects
 */
export function fetchJson(url: string, deadlineMs = STATUS_DEADLINE_MS, token = ''): Promise<unknown> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, headers: bearer(token) }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > BYTES_MAX) request.destroy();
        else chunks.push(chunk);
      });
      response.on('end', () => resolve(response.statusCode === 200 ? parse(Buffer.concat(chunks).toString('utf8')) : undefined));
      response.on('close', () => resolve(undefined));
    });
    request.setTimeout(deadlineMs, () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
