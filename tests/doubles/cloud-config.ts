/** What cloud-init would do with a start-up: whether it understands it, and the files that it would write. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PATIENT_MS = 60_000;
/** A Python that has cloud-init's own modules, for it is not to be installed on a machine that then would do what it says. */
const CLOUD_INIT_PYTHON = process.env['FOGLINE_CLOUD_INIT_PYTHON'] ?? 'python3';

/** False where cloud-init can be asked, else why the test is skipped. */
export const noCloudInit =
  spawnSync(CLOUD_INIT_PYTHON, ['-c', 'import cloudinit.cmd.main']).status !== 0 &&
  'no Python with cloudinit: set FOGLINE_CLOUD_INIT_PYTHON';

export interface WrittenFile {
  path: string;
  mode: string;
  text: string;
}

/** @returns what `cloud-init schema` says against it, empty when nothing */
export function cloudConfigFaults(userData: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-cloud-config-'));
  try {
    const file = join(folder, 'user-data');
    writeFileSync(file, userData);
    const args = ['-m', 'cloudinit.cmd.main', 'schema', '--config-file', file];
    const { status, stdout, stderr } = spawnSync(CLOUD_INIT_PYTHON, args, { encoding: 'utf8', timeout: PATIENT_MS });
    const said = `${stdout}${stderr}`;
    if (status === 0) assert.match(said, /Valid cloud-config/);
    return status === 0 ? '' : said;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What its write_files says, by path. @param config the start-up as YAML tells it */
export function filesOf(config: unknown): WrittenFile[] {
  const { write_files: files } = config as { write_files: { path: string; permissions: string; encoding: string; content: string }[] };
  return files.map(({ path, permissions, encoding, content }) => {
    assert.equal(encoding, 'b64');
    return { path, mode: permissions, text: Buffer.from(content, 'base64').toString('utf8') };
  });
}
