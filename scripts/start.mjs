/** `npm start -- ARGUMENTS`: runs dist/fogline.js in this process, so that Ctrl-C reaches it directly. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const program = new URL('../dist/fogline.js', import.meta.url);
if (existsSync(program)) {
  process.argv[1] = fileURLToPath(program);
  await import(program.href);
} else {
  process.stderr.write('fogline: the program is not built yet\n  what to do: run npm ci\n');
  process.exitCode = 2;
}
