/** pynng (NNG for Python) as a peer in a process of its own, driven over its stdin and stdout by JSON lines. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/**
 * Asks: each line {"send": [base64…], "timeoutMs"} is sent at once, each body in a context of its own, and answered with
 * {"replies": [base64 or null…]}.
 */
const REQ = `
import base64, json, sys, pynng
tls = None
if len(sys.argv) > 2:
    mode = pynng.TLSConfig.MODE_CLIENT
    auth = pynng.TLSConfig.AUTH_MODE_REQUIRED
    tls = pynng.TLSConfig(mode, server_name="localhost", ca_files=[sys.argv[2]], cert_key_file=sys.argv[2], auth_mode=auth)
req = pynng.Req0(tls_config=tls)
req.dial(("tcp" if tls is None else "tls+tcp") + "://127.0.0.1:" + sys.argv[1], block=False)
for line in sys.stdin:
    order = json.loads(line)
    req.recv_timeout = req.send_timeout = order["timeoutMs"]  # contexts take them over when they are made
    contexts = [req.new_context() for _ in order["send"]]
    replies = []
    for context, body in zip(contexts, order["send"]):
        try:
            context.send(base64.b64decode(body))
        except pynng.Timeout:
            pass  # nobody was there to take it
    for context in contexts:
        try:
            replies.append(base64.b64encode(context.recv()).decode())
        except (pynng.Timeout, pynng.BadState):
            replies.append(None)
    for context in contexts:
        context.close()
    print(json.dumps({"replies": replies}), flush=True)
`;

/** Answers each request with "re " and its body. Prints a line per request, {"got": bytes}. A body "silent" is never answered. */
const REP = `
import json, os, sys, threading, pynng
def end_with_parent():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=end_with_parent, daemon=True).start()
rep = pynng.Rep0(listen="tcp://127.0.0.1:" + sys.argv[1])
print(json.dumps({"got": -1}), flush=True)
while True:
    body = rep.recv()
    print(json.dumps({"got": len(body)}), flush=True)
    if body != b"silent":
        rep.send(b"re " + body)
`;

type Child = ChildProcessByStdio<Writable, Readable, null>;

class PynngProcess implements AsyncDisposable {
  protected readonly child: Child;
  private readonly lines: AsyncIterator<string>;
  private readonly exited: Promise<unknown>;

  constructor(python: string, program: string, port: number, ...more: string[]) {
    this.child = spawn(python, ['-c', program, String(port), ...more], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.exited = new Promise((resolve) => this.child.once('exit', resolve));
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** With SIGKILL: a peer that dies. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  protected async line(): Promise<unknown> {
    const next = await this.lines.next();
    if (next.done === true) throw new Error('the pynng process has ended');
    return JSON.parse(next.value);
  }
}

export class PynngReq extends PynngProcess {
  /** @param bundle given: over TLS, with this file of certificates and key */
  constructor(python: string, port: number, bundle?: string) {
    super(python, REQ, port, ...(bundle === undefined ? [] : [bundle]));
  }

  /** All at once; null for each that was not answered in time. */
  async ask(bodies: readonly Buffer[], timeoutMs: number): Promise<(Buffer | null)[]> {
    this.child.stdin.write(`${JSON.stringify({ send: bodies.map((body) => body.toString('base64')), timeoutMs })}\n`);
    const { replies } = (await this.line()) as { replies: (string | null)[] };
    return replies.map((reply) => (reply === null ? null : Buffer.from(reply, 'base64')));
  }
}

export class PynngRep extends PynngProcess {
  constructor(python: string, port: number) {
    super(python, REP, port);
  }

  /** Waits until it listens (-1), then for each request: its length. */
  async got(): Promise<number> {
    return ((await this.line()) as { got: number }).got;
  }
}
