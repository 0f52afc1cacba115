/**
 * terraform/ without its provider, which few machines can fetch: form, promises, every argument against the provider's table, and
 * checkov. Every rule has a copy of terraform/ with one thing changed in which it must speak.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { googleTypes, type ProviderTable } from '../../scripts/provider-table.ts';
import { type Body, hclModule, hclModules } from '../doubles/hcl-json.ts';
import { argumentFaults } from '../doubles/provider-arguments.ts';
import { ruleFaults } from '../doubles/terraform-rules.ts';
import { noTerraform } from '../doubles/terraform-plan.ts';

const FOLDER = fileURLToPath(new URL('../../terraform', import.meta.url));
const EXAMPLE = join(FOLDER, 'examples/remote-state');
const FILES = filesOf(FOLDER);
const TABLE = JSON.parse(readFileSync(join(FOLDER, 'provider-table.json'), 'utf8')) as ProviderTable;
const PATIENT_MS = 300_000;
const CHECKOV = process.env['FOGLINE_CHECKOV'] ?? 'checkov';
const noCheckov = spawnSync(CHECKOV, ['--version']).status !== 0 && 'no checkov: pip install checkov, or set FOGLINE_CHECKOV';

function filesOf(folder: string): Record<string, string> {
  const names = readdirSync(folder).filter((name) => name.endsWith('.tf'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

/** The files with one place changed, which must be there once. */
function changed(name: string, from: string, to: string): Record<string, string> {
  const text = FILES[name]!;
  assert.equal(text.split(from).length, 2, `${name} has not once: ${from}`);
  return { ...FILES, [name]: text.replace(from, () => to) };
}

function added(text: string): Record<string, string> {
  return { ...FILES, 'added.tf': text };
}

function fmt(folder: string) {
  return spawnSync('terraform', ['fmt', '-check', '-recursive', folder], { encoding: 'utf8', timeout: PATIENT_MS });
}

test('terraform/ is formatted; another indent would be found', { skip: noTerraform }, () => {
  const good = fmt(FOLDER);
  assert.equal(good.status, 0, good.stdout);
  const folder = mkdtempSync(join(tmpdir(), 'fogline-terraform-'));
  try {
    writeFileSync(join(folder, 'a.tf'), 'variable "a" {\n      type = string\n}\n');
    assert.equal(fmt(folder).status, 3);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('our promises hold of terraform/ and of its example', () => {
  assert.deepEqual(ruleFaults(hclModule(FILES)), []);
  const example = hclModule(filesOf(EXAMPLE));
  const ofExample = ruleFaults(example).filter((fault) => !/^no firewall rule|^var\.(allow_public|boot_image|\w+_sha256)/.test(fault));
  assert.deepEqual(ofExample, []);
  assert.deepEqual(example.terraform?.[0]?.['backend'], { gcs: [{ prefix: 'fogline' }] });
  // What the example hands on, the module knows.
  const handed = Object.keys(example.module?.['node']?.[0] ?? {}).filter((name) => name !== 'source');
  const known = hclModule(FILES).variable ?? {};
  assert(handed.length >= 6);
  assert.deepEqual(
    handed.filter((name) => known[name] === undefined),
    [],
  );
  const required = Object.entries(known).filter(([, [body]]) => body?.['default'] === undefined);
  assert.deepEqual(
    required.map(([name]) => name).filter((name) => !handed.includes(name)),
    [],
  );
});

const IAP_GRANT = `  role     = "roles/iap.tunnelResourceAccessor"
  member   = each.key

  lifecycle {
    replace_triggered_by = [google_compute_instance.node.instance_id]`;
const IAP = '"35.235.240.0/20"';
const BROKEN: readonly (readonly [RegExp, Record<string, string>])[] = [
  [/firewall\.ssh: open to 0\.0\.0\.0\/0/, changed('network.tf', IAP, '"0.0.0.0/0"')],
  [/firewall\.ssh: open to 0\.0\.0\.0\/1/, changed('network.tf', '[local.iap_range]', '["0.0.0.0/1", "128.0.0.0/1"]')],
  [/firewall\.ssh: open to ::\/0/, changed('network.tf', '[local.iap_range]', '["::/0"]')],
  [/firewall\.ssh: has no source ranges/, changed('network.tf', '  source_ranges           = [local.iap_range]\n', '')],
  [/firewall\.ssh: ssh from elsewhere/, changed('network.tf', '[local.iap_range]', '["203.0.113.0/24"]')],
  [/firewall\.link: is there also without ranges/, changed('network.tf', '  count = length(var.edge_source_ranges) > 0 ? 1 : 0\n', '')],
  [
    /firewall\.link: port 5006 has two rules|firewall\.dashboard: port 5006/,
    changed('network.tf', '["63270", "63271"]', '["63270", "5006"]'),
  ],
  [/not a single port/, changed('network.tf', '["63270", "63271"]', '["1-65535"]')],
  [/opens more than single ports/, changed('network.tf', '    ports    = ["63270", "63271"]\n', '')],
  [
    /is not for the node alone/,
    changed(
      'secrets.tf',
      'resource "google_secret_manager_secret" "certs"',
      `${openToAllNodes()}resource "google_secret_manager_secret" "certs"`,
    ),
  ],
  [/var\.edge_source_ranges opens it by default/, withDefault('edge_source_ranges', '["10.0.0.0/8"]')],
  [/var\.dashboard_source_ranges opens it by default/, withDefault('dashboard_source_ranges', '["0.0.0.0/0"]')],
  [/var\.allow_public: something is public/, withDefault('allow_public', '["edges"]')],
  [/takes the world without allow_public/, changed('variables.tf', 'contains(var.allow_public, "dashboard") || ', 'true || ')],
  [
    /puts a secret into the state/,
    added('resource "google_secret_manager_secret_version" "a" {\n  secret      = "a"\n  secret_data = "b"\n}\n'),
  ],
  [/puts a secret into the state/, added('data "google_secret_manager_secret_version" "a" {\n  secret = "a"\n}\n')],
  [/tls_private_key\.a: puts a secret/, added('resource "tls_private_key" "a" {\n  algorithm = "RSA"\n}\n')],
  [/google_service_account_key\.a: puts a secret/, added('resource "google_service_account_key" "a" {\n  service_account_id = "a"\n}\n')],
  [
    /metadata redis-password is not among/,
    changed('node.tf', '    serial-port-enable ', '    redis-password = "x"\n    serial-port-enable '),
  ],
  [/metadata enable-oslogin/, changed('node.tf', 'enable-oslogin         = "TRUE"', 'enable-oslogin         = "FALSE"')],
  [/metadata user-data/, changed('node.tf', '= local.user_data\n', '= "${local.user_data}${var.region}"\n')],
  [
    /var\.operators: reaches the start-up/,
    changed('startup.tf', '    FOGLINE_NODE_SHA256    = var.node_sha256', '    FOGLINE_NODE_SHA256    = join("", var.operators)'),
  ],
  [/var\.redis_password: a secret in a variable/, added('variable "redis_password" {\n  type = string\n}\n')],
  [/var\.a: a secret in a variable/, added('variable "a" {\n  type      = string\n  sensitive = true\n}\n')],
  [/a second start-up/, changed('node.tf', '  can_ip_forward            = false', '  metadata_startup_script   = "true"')],
  [/terraform itself is not pinned/, changed('versions.tf', '"~> 1.9"', '">= 1.9"')],
  [/terraform itself is not pinned/, changed('versions.tf', '"~> 1.9"', '"~> 1"')],
  [/provider google is not pinned/, changed('versions.tf', '"6.50.0"', '"> 6"')],
  [/provider google is not pinned/, changed('versions.tf', '"6.50.0"', '"~> 6.50"')],
  [/provider google is not pinned/, changed('versions.tf', '"6.50.0"', '"~> 6.50.0"')],
  [/provider google is not pinned/, changed('versions.tf', '      version = "6.50.0"\n', '')],
  [/of a provider without a version/, added('resource "null_resource" "a" {}\n')],
  [/module\.a: from elsewhere/, added('module "a" {\n  source = "git::https://example.org/a.git"\n}\n')],
  [/its image is not the one/, changed('node.tf', '= var.boot_image', '= "ubuntu-os-cloud/ubuntu-2404-lts-amd64"')],
  [/var\.boot_image: does not pin/, changed('variables.tf', '-amd64-v[0-9]{8}[a-z]?$', '.*$')],
  [/var\.release_sha256: does not pin/, withDefault('release_sha256', '""')],
  [/enable_secure_boot is off/, changed('node.tf', 'enable_secure_boot          = true', 'enable_secure_boot          = false')],
  [/runs as an account that is not its own/, changed('node.tf', 'email  = google_service_account.node.email', 'email  = "default"')],
  [/attachment\.snapshots: does not come again/, changed('disk.tf', '[google_compute_disk.data.disk_id]', '[]')],
  [/iap_tunnel_instance_iam_member\.ssh: does not come again/, changed('identity.tf', IAP_GRANT, IAP_GRANT.replace('instance_id', 'id'))],
  [/makes subnets by itself/, changed('network.tf', 'auto_create_subnetworks         = false', 'auto_create_subnetworks         = true')],
  [/may not be given roles\/secretmanager\.admin/, changed('secrets.tf', nodeReads(), nodeReads().replace('secretAccessor', 'admin'))],
  [/grants too widely/, added(grant('google_project_iam_member', 'google_service_account.node.member', 'roles/logging.logWriter'))],
  [/grants to the world/, added(grant('google_storage_bucket_iam_member', '"allUsers"', 'roles/storage.objectViewer'))],
  [/roles\/editor is too much/, added(grant('google_storage_bucket_iam_member', 'each.key', 'roles/editor'))],
];

function openToAllNodes(): string {
  return `resource "google_compute_firewall" "more" {
  network       = google_compute_network.node.id
  name          = "more"
  direction     = "INGRESS"
  source_ranges = ["203.0.113.0/24"]

  allow {
    protocol = "tcp"
    ports    = ["9090"]
  }
}

`;
}

function nodeReads(): string {
  return 'role      = "roles/secretmanager.secretAccessor"\n  member    = google_service_account.node.member';
}

function grant(type: string, member: string, role: string): string {
  return `resource "${type}" "a" {\n  role   = "${role}"\n  member = ${member}\n}\n`;
}

/** The files with a variable of another default. */
function withDefault(variable: string, value: string): Record<string, string> {
  const text = FILES['variables.tf']!;
  const begin = text.indexOf(`variable "${variable}" {`);
  const end = text.indexOf('\n}\n', begin);
  assert(begin >= 0 && end > begin);
  const body = text
    .slice(begin, end)
    .replace(/\n {2}default +=.*/, '')
    .replace(/\n {2}type /, `\n  default = ${value}\n  type `);
  return { ...FILES, 'variables.tf': `${text.slice(0, begin)}${body}${text.slice(end)}` };
}

test('each promise broken is found', () => {
  const modules = hclModules(BROKEN.map(([, files]) => files));
  for (const [index, [fault]] of BROKEN.entries()) {
    const faults = ruleFaults(modules[index]!);
    assert(
      faults.some((its) => fault.test(its)),
      `${fault}: ${JSON.stringify(faults)}`,
    );
  }
});

test('every type, argument, block and reference is one that the provider declares', () => {
  assert.deepEqual(argumentFaults(hclModule(FILES), TABLE), []);
  // The table is of the version that is pinned, and of these types.
  const pinned = (files: Record<string, string>) =>
    (hclModule(files).terraform?.[0]?.['required_providers'] as Body[] | undefined)?.[0]?.['google'];
  for (const files of [FILES, filesOf(EXAMPLE)]) assert.deepEqual(pinned(files), { source: 'hashicorp/google', version: TABLE.provider });
  assert.deepEqual(Object.keys(TABLE.resources), googleTypes(Object.values(FILES)));
});

test('what the provider does not declare is found, also in blocks inside', () => {
  const cases: readonly (readonly [string, Record<string, string>])[] = [
    [
      'google_compute_network.node.bogus: no such argument',
      changed('network.tf', 'auto_create_subnetworks  ', 'bogus = true\n  auto_create_subnetworks  '),
    ],
    [
      'google_compute_instance.node.boot_disk.initialize_params.sizee: no such argument',
      changed('node.tf', '      size   = 15', '      sizee  = 15'),
    ],
    [
      'google_compute_firewall.ssh.alow: no such argument',
      changed(
        'network.tf',
        '  allow {\n    protocol = "tcp"\n    ports    = ["22"]',
        '  alow {\n    protocol = "tcp"\n    ports    = ["22"]',
      ),
    ],
    [
      'google_compute_resource_policy.snapshots.snapshot_schedule_policy.schedule.hourly_schedule.hours_in_cycle: is required',
      changed('disk.tf', '        hours_in_cycle = var.snapshot_hours\n', ''),
    ],
    [
      'google_compute_instance.node.shielded_instance_config: may stand there once',
      changed('node.tf', '  # The scope says', '  shielded_instance_config {}\n  # The scope says'),
    ],
    ['google_compute_firewall.ssh.source_ranges: a value where a list belongs', changed('network.tf', '[local.iap_range]', '"10.0.0.0/8"')],
    ['google_compute_instance.node.boot_disk.initialize_params.size: no number', changed('node.tf', 'size   = 15', 'size   = "big"')],
    [
      'google_compute_instance.node.can_ip_forward: neither true nor false',
      changed('node.tf', 'can_ip_forward            = false', 'can_ip_forward            = "no"'),
    ],
    ['google_compute_disk.data.name: is required', changed('disk.tf', '  name    = "${var.name}-data"\n', '')],
    [
      'google_compute_dissk.a: resource of a type that the table has not (scripts/provider-table.ts makes it anew)',
      added('resource "google_compute_dissk" "a" {}\n'),
    ],
    ['terraform_data.startup.trigger: no such argument', changed('node.tf', 'triggers_replace =', 'trigger =')],
    [
      'google_service_account.node.mail: no such attribute',
      changed('node.tf', 'email  = google_service_account.node.email', 'email  = google_service_account.node.mail'),
    ],
    ['google_compute_disk.date: is declared nowhere', changed('node.tf', 'google_compute_disk.data.id', 'google_compute_disk.date.id')],
    ['var.zoned: is declared nowhere', changed('startup.tf', 'var.zone == ""', 'var.zoned == ""')],
    ['local.data_devices: is declared nowhere', changed('node.tf', 'local.data_device\n', 'local.data_devices\n')],
    ['google_compute_address.node: there twice', added('resource "google_compute_address" "node" {\n  name = "a"\n}\n')],
    ['google_compute_firewall.a.allow.portss: no such argument', added(DYNAMIC)],
    [
      'google_project_service.needed needs google_service_account.node needs google_project_service.needed',
      changed(
        'network.tf',
        '  disable_on_destroy = false\n',
        '  disable_on_destroy = false\n  depends_on         = [google_service_account.node]\n',
      ),
    ],
  ];
  const modules = hclModules(cases.map(([, files]) => files));
  for (const [index, [fault]] of cases.entries()) {
    const faults = argumentFaults(modules[index]!, TABLE);
    assert(faults.includes(fault), `${fault}: ${JSON.stringify(faults)}`);
  }
});

const DYNAMIC = `resource "google_compute_firewall" "a" {
  name    = "a"
  network = "a"

  dynamic "allow" {
    for_each = ["tcp"]
    content {
      protocol = allow.value
      portss   = ["1"]
    }
  }
}
`;

function checkov(folder: string): { results?: { failed_checks: { check_id: string }[] }; summary: Record<string, number> } {
  const args = ['-d', folder, '--framework', 'terraform', '--quiet', '--skip-download', '-o', 'json'];
  const { stdout, stderr } = spawnSync(CHECKOV, args, { encoding: 'utf8', timeout: PATIENT_MS, maxBuffer: 64 * 1024 * 1024 });
  assert(stdout.startsWith('{'), stderr);
  return JSON.parse(stdout);
}

test('checkov has nothing to say but for the exceptions, each with its reason; an open port would be found', { skip: noCheckov }, () => {
  const { results, summary } = checkov(FOLDER);
  const skips = Object.values(FILES).flatMap((text) => [...text.matchAll(/#checkov:skip=(\w+)(:.*)?/g)]);
  assert.deepEqual(results?.failed_checks.map((its) => its.check_id) ?? [], []);
  assert.deepEqual([summary['parsing_errors'], summary['skipped']], [0, skips.length]);
  assert((summary['passed'] ?? 0) > 20);
  assert.deepEqual(new Set(skips.map(([, id]) => id)), new Set(['CKV_GCP_37', 'CKV_GCP_38', 'CKV_GCP_40']));
  for (const [, id, reason = ''] of skips) assert(reason.length > 40, `${id} without a reason`);
  const folder = mkdtempSync(join(tmpdir(), 'fogline-terraform-'));
  try {
    cpSync(FOLDER, folder, { recursive: true });
    writeFileSync(join(folder, 'network.tf'), changed('network.tf', '[local.iap_range]', '["0.0.0.0/0"]')['network.tf']!);
    assert.deepEqual(
      checkov(folder).results?.failed_checks.map((its) => its.check_id),
      ['CKV_GCP_2'],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
