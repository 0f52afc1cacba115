/** Writes config.ini from common/settings.ts: every key with its comment, at its default, commented out. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SETTINGS, type Setting } from '../common/settings.ts';

const HEAD = `; Settings of Fogline. Every key stands here at its default; take the ; away to change one.
; Stronger than this file: the environment (FOGLINE_SECTION_KEY, e.g. FOGLINE_CLOUD_HTTP_PORT) and --set section.key=value.
; A file may hold the value, as for secrets: FOGLINE_SECTION_KEY_FILE=PATH, e.g. FOGLINE_REDIS_PASSWORD_FILE.
; What holds and where it came from: npx fogline config show --origin
`;

export function renderConfigIni(): string {
  const sections = Object.entries(SETTINGS).map(([section, keys]) => {
    const lines = Object.entries<Setting>(keys).map(([key, setting]) => `; ${commentOf(setting)}\n;${key} = ${setting.default}`.trimEnd());
    return `\n[${section}]\n${lines.join('\n')}\n`;
  });
  return HEAD + sections.join('');
}

function commentOf(setting: Setting): string {
  const { comment, kind, min, max } = setting;
  if (typeof kind !== 'string') return `${comment}: ${kind.join(' or ')}`;
  if (min === undefined && max === undefined) return comment;
  const bounds = max === undefined ? `at least ${min}` : min === undefined ? `at most ${max}` : `${min} to ${max}`;
  return `${comment} (${bounds})`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../config.ini', import.meta.url), renderConfigIni());
}
