/** Programs beside Node, and the data. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { FOGLINE } from '../common/installation.ts';
import { type Config, processVariables } from '../common/config.ts';
import { type Check, missing, ok, warn } from './check.ts';

const PROGRAM_DEADLINE_MS = 5_000;
const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];

/** Whether the shell would find it. */
export function isInstalled(program: string): boolean {
  return (processVariables()['PATH'] ?? '').split(delimiter).some((folder) => isProgram(join(folder, program)));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function chromiumCheck(): Check {
  const named = processVariables()['FOGLINE_CHROMIUM'];
  const found = named === undefined || named === '' ? BROWSERS.find(isInstalled) : isProgram(named) ? named : undefined;
  if (found !== undefined) return ok('chromium', `${found}, for tests only`);
  return warn('chromium', 'not found; only tests of the page need it', 'apt install chromium, or set FOGLINE_CHROMIUM');
}

/** Of interest only where the settings name a service that docker-compose.yml has. */
export function dockerCheck(config: Config): Check[] {
  if (!isKafkaWanted(config) && config.redis.url === '') return [];
  const remedy = 'install Docker with its compose plugin, or run Kafka and Redis another way';
  if (!isInstalled('docker')) return [warn('docker', 'not found; only docker-compose.yml needs it', remedy)];
  const { status, stdout } = spawnSync('docker', ['compose', 'version', '--short'], { encoding: 'utf8', timeout: PROGRAM_DEADLINE_MS });
  if (status !== 0) return [warn('docker', 'is there, but not its compose plugin', remedy)];
  return [ok('docker', `compose ${stdout.trim()}`)];
}

export function isKafkaWanted(config: Config): boolean {
  return (config.broker.kind as string) === 'kafka';
}

export function dataCheck(config: Config): Check[] {
  const dir = config.simulation.data_dir;
  if (dir === '') return [];
  const remedy = `name a folder with one CSV file per household (data/README.md); ${FOGLINE} import makes them of the original download`;
  try {
    const files = readdirSync(dir).filter((name) => name.endsWith('.csv'));
    if (files.length === 0) return [missing('data', `${dir} has no CSV file`, remedy)];
    return [ok('data', `${files.length} household files in ${dir}`)];
  } catch (error) {
    return [missing('data', `${dir} can not be read (${(error as NodeJS.ErrnoException).code})`, remedy)];
  }
}
