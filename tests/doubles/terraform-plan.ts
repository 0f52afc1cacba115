/**
 * What Terraform itself makes of terraform/'s variables and of its start-up: a plan of the files that need no provider, so without
 * fetching anything.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const PATIENT_MS = 120_000;

/** False where there is a Terraform, else why the test is skipped. */
export const noTerraform = spawnSync('terraform', ['version']).status !== 0 && 'no terraform on the PATH';

export type Variables = Readonly<Record<string, unknown>>;

/** All that has no default. */
export const VARIABLES: Variables = {
  project: 'a-project-1',
  boot_image: 'projects/ubuntu-os-cloud/global/images/ubuntu-2404-noble-amd64-v20260101',
  release_url: 'https://example.org/fogline-0.1.0-linux-x64.tar.gz',
  release_sha256: 'a'.repeat(64),
  node_url: 'https://example.org/node-linux-x64.tar.xz',
  node_sha256: 'b'.repeat(64),
};

export interface Planned {
  status: number | null;
  stderr: string;
  /** Values of what was asked for. */
  values: Record<string, unknown>;
}

export class TerraformPlan implements Disposable {
  private readonly folder = mkdtempSync(join(tmpdir(), 'fogline-terraform-'));

  /**
   * @param asked expressions, by a name for their value
   * @param more text of further files, by name
   */
  constructor(asked: Readonly<Record<string, string>>, more: Readonly<Record<string, string>> = {}) {
    const module = join(this.folder, 'terraform');
    mkdirSync(module);
    for (const name of ['variables.tf', 'startup.tf', 'node'])
      cpSync(join(TOP, 'terraform', name), join(module, name), { recursive: true });
    mkdirSync(join(this.folder, 'deploy'));
    cpSync(join(TOP, 'deploy', 'install.sh'), join(this.folder, 'deploy', 'install.sh'));
    for (const [name, text] of Object.entries(more)) writeFileSync(join(module, name), text);
    const outputs = Object.entries(asked).map(([name, expression]) => `output "${name}" {\n  value = ${expression}\n}\n`);
    writeFileSync(join(module, 'asked.tf'), `terraform {\n  required_version = "~> 1.9"\n}\n\n${outputs.join('\n')}`);
    const { status, stderr } = this.terraform('init', '-input=false');
    assert.equal(status, 0, stderr);
  }

  planned(variables: Variables): Planned {
    writeFileSync(join(this.folder, 'terraform', 'terraform.tfvars.json'), JSON.stringify(variables));
    const { status, stderr } = this.terraform('plan', '-input=false', '-lock=false', '-out=plan');
    if (status !== 0) return { status, stderr, values: {} };
    const shown = this.terraform('show', '-json', 'plan');
    assert.equal(shown.status, 0, shown.stderr);
    const { planned_values: planned } = JSON.parse(shown.stdout) as { planned_values: { outputs: Record<string, { value: unknown }> } };
    return { status, stderr, values: Object.fromEntries(Object.entries(planned.outputs).map(([name, { value }]) => [name, value])) };
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }

  private terraform(...args: string[]) {
    const env = { ...process.env, CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1', TF_CLI_ARGS: '-no-color' };
    const options = {
      cwd: join(this.folder, 'terraform'),
      env,
      encoding: 'utf8',
      timeout: PATIENT_MS,
      maxBuffer: 64 * 1024 * 1024,
    } as const;
    return spawnSync('terraform', args, options);
  }
}
