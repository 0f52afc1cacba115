/** `fogline token new|list|revoke`: who may open the page and the API of this state's cloud. The cloud may be running or not. */
import { FOGLINE } from '../../common/installation.ts';
import { systemClock } from '../../common/clock.ts';
import type { CommandOptions } from '../../common/command.ts';
import { EXIT } from '../../common/errors.ts';
import { TokenFile } from './token-file.ts';

/** Prints the new token, this once. */
export function makeToken({ stateDir, json }: CommandOptions): number {
  const { id, token } = new TokenFile(stateDir, systemClock).add();
  const text = `${token}\n`;
  if (!json) process.stderr.write(`token ${id}, said this once; scripts send it as "Authorization: Bearer …", browsers ask for it\n`);
  process.stdout.write(json ? `${JSON.stringify({ id, token })}\n` : text);
  return EXIT.ok;
}

export function listTokens({ stateDir, json }: CommandOptions): number {
  const tokens = new TokenFile(stateDir, systemClock).list().map(({ id, madeAt }) => ({ id, madeAt }));
  const lines = tokens.map(({ id, madeAt }) => `${id}  made ${madeAt}`);
  if (lines.length === 0) lines.push(`there is no token; make one: ${FOGLINE} token new`);
  process.stdout.write(json ? `${JSON.stringify(tokens)}\n` : `${lines.join('\n')}\n`);
  return EXIT.ok;
}

/** Sessions that were opened with it end too. */
export function revokeToken({ stateDir, json }: CommandOptions, id: string): number {
  new TokenFile(stateDir, systemClock).revoke(id);
  process.stdout.write(json ? `${JSON.stringify({ revoked: id })}\n` : `token ${id} opens nothing any more\n`);
  return EXIT.ok;
}
