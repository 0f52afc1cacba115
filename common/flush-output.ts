/**
 * Resolves when whoever reads stdout and stderr has been handed all that was written there, or has gone. A process that ends before cuts
 * off what a slow reader of a pipe has not taken yet.
 */
export async function flushOutput(): Promise<void> {
  await Promise.all([process.stdout, process.stderr].map(flushed));
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.on('error', () => resolve());
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.write('', () => resolve());
  });
}
