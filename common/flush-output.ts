/**
 * Ends the process when whoever reads stdout and stderr has been handed all that was written there, or has gone. One that ends before cuts
 * off what a slow reader of a pipe has not taken yet. What is left open (a socket, stdin) is not waited for.
 */
export async function exitFlushed(code: number): Promise<never> {
  await Promise.all([process.stdout, process.stderr].map(flushed));
  process.exit(code);
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.on('error', () => resolve());
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.write('', () => resolve());
  });
}
