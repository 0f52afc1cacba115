/**
 * The link contract: request and reply between an edge and the cloud, bytes in, bytes out. The transport has no say in
 * exactness: requests may be delivered more than once (REQ resends by itself) and replies may be lost.
 */
export interface LinkClient {
  /** Begins to dial; does not wait for the peer. */
  start(): Promise<void>;
  /**
   * Sends and waits for the reply of exactly this request.
   * @throws OperatingError LINK_TIMEOUT after `deadlineMs`, LINK_CLOSED when stopped. The request may still have arrived.
   */
  request(payload: Buffer, deadlineMs: number): Promise<Buffer>;
  /** Requests that may wait at once. */
  readonly inFlightMax: number;
  /** True when requests come to the peer in the order in which they were sent, as long as none is lost. */
  readonly isOrdered: boolean;
  /** For status and logs: which transport this is. */
  readonly transport: string;
  stop(): Promise<void>;
}

/** Who asks. `id` comes from a verified certificate, null on plaintext. */
export interface LinkPeer {
  id: string | null;
  remote: string;
  /** Set: the peer is known and not let in. It gets one reply that says this, and nothing it sends is read as a request. */
  refusal?: string;
}

/** Must not be called again for the same connection's earlier frame; may be called concurrently. Empty replies are not sent. */
export type LinkHandler = (payload: Buffer, peer: LinkPeer) => Promise<Buffer>;

export interface LinkServer {
  /**
   * Listens. A malformed frame, a huge length or a half-open connection ends that connection only and is counted.
   * @returns the port really listened on
   * @throws OperatingError PORT_TAKEN
   */
  start(handler: LinkHandler): Promise<number>;
  stop(): Promise<void>;
  readonly counters: { connections: number; refusedFrames: number; requests: number };
}
