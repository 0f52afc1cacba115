/** What a served simulator may ask of the world: asked over the wire. */
import type { Logger } from '../../../common/logger.ts';
import { CosimError } from '../cosim/errors.ts';
import type { OutputRequest, RelatedEntities, Requests } from '../cosim/simulator.ts';
import { FailureReply, type RemoteChannel } from './remote-channel.ts';
import { refusalCodeOf } from './remote-requests.ts';

export class WireRequests implements Requests {
  private readonly channel: RemoteChannel;
  private readonly logger: Logger;
  /** What was told and is not confirmed yet. */
  private readonly open = new Set<Promise<unknown>>();
  private refusal: unknown;

  constructor(channel: RemoteChannel, logger: Logger) {
    this.channel = channel;
    this.logger = logger;
  }

  progress(): Promise<number> {
    return this.ask('get_progress', []) as Promise<number>;
  }

  relatedGraph(): Promise<RelatedEntities> {
    return this.ask('get_related_entities', [null]) as Promise<RelatedEntities>;
  }

  relatedTo(fullIds: readonly string[]): Promise<Record<string, RelatedEntities['nodes']>> {
    return this.ask('get_related_entities', [fullIds]) as Promise<Record<string, RelatedEntities['nodes']>>;
  }

  getData(wanted: OutputRequest): Promise<Record<string, Record<string, unknown>>> {
    return this.ask('get_data', [wanted]) as Promise<Record<string, Record<string, unknown>>>;
  }

  setData(values: Parameters<Requests['setData']>[0]): void {
    this.tell('set_data', [values]);
  }

  setEvent(tick: number): void {
    this.tell('set_event', [tick]);
  }

  /** Resolves when everything that was told has arrived; rejects with the first refusal since the last time. */
  async settled(): Promise<void> {
    if (this.open.size > 0) await Promise.all(this.open);
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal !== undefined) throw refusal;
  }

  private async ask(call: string, args: readonly unknown[]): Promise<unknown> {
    try {
      return await this.channel.request(call, args);
    } catch (error) {
      if (!(error instanceof FailureReply)) throw error;
      throw new CosimError(
        refusalCodeOf(error.type),
        `${call} was refused: ${error.type}: ${error.message}`,
        'look at the scenario in mosaik',
        {
          cause: error,
        },
      );
    }
  }

  private tell(call: string, args: readonly unknown[]): void {
    const told = this.ask(call, args).then(
      () => undefined,
      (error: unknown) => {
        this.logger.warn({ call, err: error }, 'mosaik refused a request');
        this.refusal ??= error;
      },
    );
    this.open.add(told);
    void told.then(() => this.open.delete(told));
  }
}
