/** `fogline config show | check`: the settings, and where each came from. */
import type { LoadedConfig } from './config.ts';
import { EXIT } from './errors.ts';

/** Every setting on a line, or all as one JSON object. */
export function showConfig(loaded: LoadedConfig, options: { json: boolean; origin: boolean }): number {
  const rows = [...loaded.origins].map(([name, { text, origin }]) => ({ name, text, origin }));
  if (options.json) {
    const byName = rows.map(({ name, text, origin }) => [name, options.origin ? { value: text, origin } : text]);
    process.stdout.write(`${JSON.stringify(Object.fromEntries(byName))}\n`);
    return EXIT.ok;
  }
  const lines = rows.map(({ name, text, origin }) => {
    const line = `${name} = ${text}`.trimEnd();
    return options.origin ? `${line.padEnd(48)}  (${origin})` : line;
  });
  process.stdout.write(`${lines.join('\n')}\n`);
  return EXIT.ok;
}

/** Loading has checked everything; what is left is to say so. */
export function checkConfig(loaded: LoadedConfig, options: { json: boolean }): number {
  const given = [...loaded.origins.values()].filter(({ origin }) => origin !== 'default').length;
  const text = `configuration is good: ${loaded.origins.size} settings, ${given} given`;
  process.stdout.write(options.json ? `${JSON.stringify({ ok: true, settings: loaded.origins.size, given })}\n` : `${text}\n`);
  return EXIT.ok;
}
