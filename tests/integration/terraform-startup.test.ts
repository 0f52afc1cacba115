/**
 * What terraform/ asks of a node: Terraform itself judges the variables and writes the start-up (neither needs the provider);
 * cloud-init, shellcheck and systemd judge what was written.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { cloudConfigFaults, filesOf, noCloudInit } from '../doubles/cloud-config.ts';
import { noTerraform, type Planned, TerraformPlan, VARIABLES, type Variables } from '../doubles/terraform-plan.ts';

const noShellcheck = spawnSync('shellcheck', ['--version']).status !== 0 && 'no shellcheck (package shellcheck)';
const noSystemd = spawnSync('systemd-analyze', ['--version']).status !== 0 && 'no systemd-analyze (package systemd)';
const PATIENT_MS = 60_000;
const SCRIPTS = ['google.sh', 'install.sh', 'secrets.sh', 'setup.sh'];

let plan: TerraformPlan;
let planned: Planned;
const folder = mkdtempSync(join(tmpdir(), 'fogline-startup-'));

before(() => {
  if (noTerraform !== false) return;
  plan = new TerraformPlan({ user_data: 'local.user_data', zone: 'local.zone', config: 'yamldecode(local.user_data)' });
  planned = plan.planned(VARIABLES);
  assert.equal(planned.status, 0, planned.stderr);
});

after(() => {
  if (noTerraform === false) plan[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

function userData({ values }: Planned): string {
  return String(values['user_data'] as string);
}

const byName = (one: string, other: string) => one.localeCompare(other);

/** Files of the start-up by their last name, as cloud-init would write them. */
function written(of: Planned): Map<string, string> {
  return new Map(filesOf(of.values['config']).map(({ path, text }) => [basename(path), text]));
}

const GOOD: readonly Variables[] = [
  { region: 'us-central1' },
  { region: 'us-central1', zone: 'us-central1-f' },
  { edge_source_ranges: ['203.0.113.7/32', '10.0.0.0/8'] },
  { edge_source_ranges: ['0.0.0.0/0'], allow_public: ['edges'] },
  { dashboard_source_ranges: ['0.0.0.0/0'], allow_public: ['dashboard'] },
  { operators: ['user:ada@example.org', 'group:ops@example.org'] },
  { release_url: 'gs://a-bucket/a/fogline-0.1.0-linux-x64.tar.gz' },
  { data_snapshot: 'fogline-data-europe-west3-20260101020000-abc' },
  { snapshot_hours: 6, data_disk_gb: 100, machine_type: 'n2-standard-2', name: 'north-1' },
];

const BAD: readonly (readonly [Variables, RegExp])[] = [
  [{ edge_source_ranges: ['0.0.0.0/0'] }, /say allow_public = \["edges"\]/],
  [{ edge_source_ranges: ['0.0.0.0/1', '128.0.0.0/1'] }, /say allow_public = \["edges"\]/],
  [{ edge_source_ranges: ['0.0.0.0/0'], allow_public: ['dashboard'] }, /say allow_public = \["edges"\]/],
  [{ dashboard_source_ranges: ['0.0.0.0/0'] }, /say allow_public = \["dashboard"\]/],
  [{ dashboard_source_ranges: ['203.0.113.7/32', '0.0.0.0/7'] }, /say allow_public = \["dashboard"\]/],
  [{ dashboard_source_ranges: ['0.0.0.0/0'], allow_public: ['edges'] }, /say allow_public = \["dashboard"\]/],
  [{ edge_source_ranges: ['::/0'] }, /IPv4 ranges like/],
  [{ edge_source_ranges: ['203.0.113.7'] }, /IPv4 ranges like/],
  [{ dashboard_source_ranges: ['anywhere'] }, /IPv4 ranges like/],
  [{ allow_public: ['everything'] }, /Only "edges" and "dashboard"/],
  [{ project: 'My Project' }, /A project's id/],
  [{ region: 'Frankfurt' }, /A region looks like/],
  [{ zone: 'us-central1-a' }, /A zone is one of the region/],
  [{ name: 'North_1' }, /A name has 4 to 20/],
  [{ machine_type: 't2a-standard-1' }, /A machine type of x86-64/],
  [{ machine_type: 'e2-micro' }, /A machine type of x86-64/],
  [{ boot_image: 'ubuntu-os-cloud/ubuntu-2404-lts-amd64' }, /One image of Ubuntu 24\.04/],
  [{ boot_image: 'projects/debian-cloud/global/images/debian-12-bookworm-v20250101' }, /One image of Ubuntu 24\.04/],
  [{ data_disk_gb: 5 }, /10 to 65536 whole GB/],
  [{ data_disk_gb: 20.5 }, /10 to 65536 whole GB/],
  [{ data_snapshot: 'The Last' }, /The name of a snapshot/],
  [{ snapshot_hours: 24 }, /at most half of one/],
  [{ snapshot_keep_days: 0 }, /1 to 365 days/],
  [{ subnet_range: '10.0.0.0/8' }, /IPv4 addresses of \/16/],
  [{ operators: ['allUsers'] }, /never allUsers/],
  [{ release_url: 'http://example.org/a-linux-x64.tar.gz' }, /https:\/\/ or gs:\/\//],
  [{ release_url: "https://example.org/'$(id)'-linux-x64.tar.gz" }, /https:\/\/ or gs:\/\//],
  [{ release_url: 'https://example.org/a.zip' }, /ends in -linux-x64\.tar\.gz/],
  [{ release_url: 'https://example.org/fogline-0.1.0-darwin-arm64.tar.gz' }, /made on Linux/],
  [{ release_sha256: 'latest' }, /64 lower-case hex/],
  [{ node_url: 'https://example.org/node.zip' }, /ends in \.tar\.gz/],
  [{ node_sha256: '' }, /64 lower-case hex/],
];

test('Terraform takes good values and refuses bad ones, with what to write instead', { skip: noTerraform }, () => {
  for (const variables of GOOD) {
    const { status, stderr } = plan.planned({ ...VARIABLES, ...variables });
    assert.equal(status, 0, `${JSON.stringify(variables)}: ${stderr}`);
  }
  for (const [variables, message] of BAD) {
    const { status, stderr } = plan.planned({ ...VARIABLES, ...variables });
    const said = stderr.replace(/\s*[│╵╷]?\s+/g, ' ');
    assert.equal(status, 1, JSON.stringify(variables));
    assert.match(said, message, JSON.stringify(variables));
    assert.equal(said.match(/Error: /g)?.length, said.match(/Error: Invalid value for variable/g)?.length, said);
  }
  for (const name of Object.keys(VARIABLES)) {
    const { [name]: _, ...others } = VARIABLES;
    assert.match(plan.planned(others).stderr, /No value for required variable/);
  }
});

test('the start-up is what cloud-init understands; a mistyped key would be found', { skip: noTerraform || noCloudInit }, () => {
  const text = userData(planned);
  assert.equal(cloudConfigFaults(text), '');
  assert.match(cloudConfigFaults(text.replace('"encoding"', '"encodding"')), /encodding/);
  assert.match(cloudConfigFaults(text.replace('"runcmd":', '"runcmd": 7\n"more":')), /runcmd/);
  // A key that it does not know at all it passes over.
  assert.deepEqual(Object.keys(planned.values['config'] as object).toSorted(byName), [
    'package_update',
    'packages',
    'runcmd',
    'write_files',
  ]);
  // Google takes 256 KiB.
  assert(Buffer.byteLength(text) < 200 * 1024, `${Buffer.byteLength(text)} bytes`);
});

test('every byte of the start-up is a file of ours or a variable that may be public', { skip: noTerraform }, () => {
  const files = written(planned);
  const top = new URL('../../', import.meta.url);
  for (const [name, text] of files) {
    if (name === 'node.env' || name === '10-node.conf') continue;
    assert.equal(text, readFileSync(new URL(name === 'install.sh' ? 'deploy/install.sh' : `terraform/node/${name}`, top), 'utf8'), name);
  }
  assert.equal(files.size, 9);
  const lines = [
    "FOGLINE_CERTS_SECRET='projects/a-project-1/secrets/fogline-certs'",
    "FOGLINE_DATA_DEVICE='/dev/disk/by-id/google-fogline-data'",
    `FOGLINE_NODE_SHA256='${'b'.repeat(64)}'`,
    "FOGLINE_NODE_URL='https://example.org/node-linux-x64.tar.xz'",
    `FOGLINE_RELEASE_SHA256='${'a'.repeat(64)}'`,
    "FOGLINE_RELEASE_URL='https://example.org/fogline-0.1.0-linux-x64.tar.gz'",
    "FOGLINE_TOKEN_SECRET='projects/a-project-1/secrets/fogline-first-token'",
  ];
  assert.equal(files.get('node.env'), `${lines.join('\n')}\n`);
  assert.equal(planned.values['zone'], 'europe-west3-a');
});

test('the page listens on loopback until somebody may reach it; a token is demanded anyhow', { skip: noTerraform }, () => {
  const shut = written(planned).get('10-node.conf')!;
  assert.match(shut, /^Environment=FOGLINE_CLOUD_HTTP_HOST=127\.0\.0\.1$/m);
  const open = written(plan.planned({ ...VARIABLES, dashboard_source_ranges: ['203.0.113.7/32'] })).get('10-node.conf')!;
  assert.match(open, /^Environment=FOGLINE_CLOUD_HTTP_HOST=0\.0\.0\.0$/m);
  for (const text of [shut, open]) {
    assert.match(text, /^\[Service\]\n/);
    assert.match(text, /^Environment=FOGLINE_CLOUD_HTTP_TOKEN=always$/m);
    assert.match(text, /^Environment=FOGLINE_LINK_TLS=on$/m);
  }
});

function shellcheck(files: ReadonlyMap<string, string>) {
  const scripts = join(folder, 'scripts');
  mkdirSync(scripts, { recursive: true });
  for (const name of SCRIPTS) writeFileSync(join(scripts, name), files.get(name)!);
  return spawnSync('shellcheck', ['--external-sources', ...SCRIPTS], { cwd: scripts, encoding: 'utf8', timeout: PATIENT_MS });
}

test('shellcheck has nothing to say of its scripts; an unquoted word would be found', { skip: noTerraform || noShellcheck }, () => {
  const files = written(planned);
  const good = shellcheck(files);
  assert.equal(good.status, 0, good.stdout);
  const setup = files.get('setup.sh')!;
  const bad = shellcheck(new Map([...files, ['setup.sh', setup.replace('mkdir -p "$STATE"', 'mkdir -p $1')]]));
  assert.match(bad.stdout, /SC2086/);
});

function verify(files: ReadonlyMap<string, string>): string {
  const units = mkdtempSync(join(folder, 'units-'));
  const names = [...files.keys()].filter((name) => /\.(service|timer)$/.test(name));
  assert.equal(names.length, 3);
  for (const name of names) {
    // The program must be there; on the node it is what cloud-init writes.
    writeFileSync(join(units, name), files.get(name)!.replace(/^ExecStart=.*$/m, 'ExecStart=/bin/true'));
  }
  const paths = names.map((name) => join(units, name));
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...paths], { encoding: 'utf8', timeout: PATIENT_MS });
  return status === 0 ? stderr : `${status} ${stderr}`;
}

test('systemd understands its units, and they start what cloud-init writes', { skip: noTerraform || noSystemd }, () => {
  const files = written(planned);
  assert.equal(verify(files), '');
  const service = files.get('fogline-node.service')!;
  assert.match(verify(new Map([...files, ['fogline-node.service', service.replace('Restart=', 'Restrat=')]])), /Restrat/);
  const paths = filesOf(planned.values['config']).map(({ path, mode }) => `${path} ${mode}`);
  for (const text of files.values()) {
    for (const [, program] of text.matchAll(/^ExecStart=(\S+)$/gm)) assert(paths.includes(`${program} 0755`), program);
    for (const [, file] of text.matchAll(/^EnvironmentFile=(\S+)$/gm)) assert(paths.includes(`${file} 0644`), file);
  }
});

const ADDRESS = '203.0.113.9';

/** The outputs, with the address that Google would give. */
function outputs(variables: Variables): Record<string, string> {
  const text = readFileSync(new URL('../../terraform/outputs.tf', import.meta.url), 'utf8');
  using plan = new TerraformPlan({}, { 'outputs.tf': text.replaceAll('google_compute_address.node.address', `"${ADDRESS}"`) });
  const { status, stderr, values } = plan.planned({ ...VARIABLES, ...variables });
  assert.equal(status, 0, stderr);
  return values as Record<string, string>;
}

test('the outputs tell how to come in: by the tunnel while the page is shut, by the address when it is open', { skip: noTerraform }, () => {
  const shut = outputs({});
  const node = 'fogline --project=a-project-1 --zone=europe-west3-a --tunnel-through-iap';
  assert.equal(shut['address'], ADDRESS);
  assert.match(shut['dashboard_url']!, /^http:\/\/203\.0\.113\.9:5006 is shut: use tunnel_command, or set dashboard_source_ranges/);
  assert.equal(shut['tunnel_command'], `gcloud compute ssh ${node} -- -N -L 5006:127.0.0.1:5006`);
  assert.equal(shut['ssh_command'], `gcloud compute ssh ${node}`);
  assert.equal(outputs({ dashboard_source_ranges: ['203.0.113.7/32'] })['dashboard_url'], `http://${ADDRESS}:5006`);
});

test('README.md says what the outputs say, and names what is there', { skip: noTerraform }, () => {
  const readme = readFileSync(new URL('../../terraform/README.md', import.meta.url), 'utf8');
  const told = outputs({});
  const [init, pack] = told['certificate_commands']!.split('\n') as [string, string];
  const [edge, packAgain] = told['edge_bundle_commands']!.split('\n') as [string, string];
  assert.equal(packAgain, pack);
  for (const line of [init.replace(ADDRESS, '$(terraform -chdir=terraform output -raw address)'), edge, pack]) {
    assert(readme.includes(`${line.replace('=a-project-1', '=$PROJECT')}\n`), line);
  }
  const named = [...readme.matchAll(/output -raw (\w+)/g)].map((match) => match[1]!);
  assert(named.length >= 4);
  for (const name of named) assert(told[name] !== undefined, name);
  const variables = readFileSync(new URL('../../terraform/variables.tf', import.meta.url), 'utf8');
  const settings = [...readme.matchAll(/`([a-z]+_[a-z_0-9]+)(?: = [^`]*)?`/g)].map((match) => match[1]!);
  assert(settings.length > 10);
  for (const name of settings) assert(variables.includes(`variable "${name}" {`), name);
});
