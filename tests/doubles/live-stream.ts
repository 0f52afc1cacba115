/** The live messages of /api/v1/stream, as they come. */
import type { LiveMessage } from '../../cloud/server/api/api-types.ts';

export async function* liveMessages(response: Response): AsyncGenerator<LiveMessage> {
  let text = '';
  for await (const bytes of response.body!) {
    text += Buffer.from(bytes).toString('utf8');
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) {
      const data = /^data:(.*)$/m.exec(event)?.[1];
      if (/^event: ?live$/m.test(event) && data !== undefined) yield JSON.parse(data) as LiveMessage;
    }
  }
}
