/**
 * What we promise of terraform/, as rules on the parsed files: nothing is open to the world by default, nothing secret is in metadata or
 * state, every version is pinned, ssh comes through Identity-Aware Proxy alone, the node's account may do next to nothing.
 */
import type { Body, Hcl, Module } from './hcl-json.ts';

/** A wider range than this is the world in pieces: 0.0.0.0/1 and 128.0.0.0/1 are all of it. */
const PREFIX_BITS_MIN = 8;
/** Each of them puts a secret into the state, or has one made by Terraform. */
const SECRET_KEEPERS = new RegExp(
  [
    '^(google_secret_manager_secret_version\\w*|google_service_account_key|google_storage_hmac_key',
    'google_kms_secret\\w*|tls_\\w+|random_\\w+)$',
  ].join('|'),
);
const METADATA: Readonly<Record<string, string>> = {
  'enable-oslogin': 'TRUE',
  'block-project-ssh-keys': 'TRUE',
  'serial-port-enable': 'FALSE',
  'user-data': '${local.user_data}',
};
/** All that may reach the start-up, which everybody on the node can read. */
const STARTUP_VARIABLES = new Set([
  ...['project', 'region', 'zone', 'name', 'dashboard_source_ranges'],
  ...['release_url', 'release_sha256', 'node_url', 'node_sha256'],
]);
/** role by the resource that it is granted on; nothing is granted in the project. */
const NODE_ROLES: Readonly<Record<string, string>> = {
  'google_secret_manager_secret_iam_member.node_reads_certs': 'roles/secretmanager.secretAccessor',
  'google_secret_manager_secret_iam_member.node_adds_token': 'roles/secretmanager.secretVersionAdder',
  'google_storage_bucket_iam_member.sources': 'roles/storage.objectViewer',
};

interface Resource {
  type: string;
  where: string;
  body: Body;
}

/** @returns broken promises, empty when all are kept */
export function ruleFaults(module: Module): string[] {
  return [...openFaults(module), ...secretFaults(module), ...pinFaults(module), ...nodeFaults(module), ...grantFaults(module)];
}

function resourcesOf(module: Module, kind: 'resource' | 'data' = 'resource'): Resource[] {
  return Object.entries(module[kind] ?? {}).flatMap(([type, byName]) =>
    Object.entries(byName).flatMap(([name, bodies]) => bodies.map((body) => ({ type, where: `${type}.${name}`, body }))),
  );
}

function openFaults(module: Module): string[] {
  const faults: string[] = [];
  const ports = new Set<string>();
  const rules = resourcesOf(module).filter(({ type }) => type === 'google_compute_firewall');
  if (rules.length === 0) faults.push('no firewall rule at all');
  for (const { where, body } of rules) {
    faults.push(...rangeFaults(module, body).map((fault) => `${where}: ${fault}`));
    if (JSON.stringify(body['target_service_accounts']) !== '["${google_service_account.node.email}"]') {
      faults.push(`${where}: is not for the node alone`);
    }
    if (body['direction'] !== 'INGRESS') faults.push(`${where}: its direction is not said`);
    for (const allow of (body['allow'] ?? []) as Body[]) {
      const named = (allow['ports'] ?? []) as string[];
      if (allow['protocol'] !== 'tcp' || named.length === 0) faults.push(`${where}: opens more than single ports of tcp`);
      for (const port of named) {
        if (!/^\d+$/.test(port)) faults.push(`${where}: ${port} is not a single port`);
        if (ports.has(port)) faults.push(`${where}: port ${port} has two rules`);
        ports.add(port);
        if (port === '22' && wordOf(body['source_ranges']) !== '["${local.iap_range}"]') faults.push(`${where}: ssh from elsewhere`);
      }
    }
  }
  if (JSON.stringify(defaultOf(module, 'allow_public')) !== '[]') faults.push('var.allow_public: something is public by default');
  return faults;
}

function rangeFaults(module: Module, body: Body): string[] {
  const ranges = body['source_ranges'];
  if (Array.isArray(ranges) && ranges.length > 0) return ranges.flatMap((range) => literalRangeFaults(module, wordOf(range)));
  const name = /^\$\{var\.(\w+)\}$/.exec(wordOf(ranges))?.[1];
  if (name === undefined) return ['has no source ranges that can be judged'];
  const faults: string[] = [];
  if (JSON.stringify(defaultOf(module, name)) !== '[]') faults.push(`var.${name} opens it by default`);
  const conditions = ((module.variable?.[name]?.[0]?.['validation'] ?? []) as Body[]).map((its) => wordOf(its['condition']));
  const guarded = conditions.some(
    (its) => /contains\(var\.allow_public, "\w+"\) \|\| alltrue/.test(its) && its.includes(`>= ${PREFIX_BITS_MIN}`),
  );
  if (!guarded) faults.push(`var.${name} takes the world without allow_public`);
  if (body['count'] !== `\${length(var.${name}) > 0 ? 1 : 0}`) faults.push('is there also without ranges, which means from everywhere');
  return faults;
}

function literalRangeFaults(module: Module, range: string): string[] {
  const local = /^\$\{local\.(\w+)\}$/.exec(range)?.[1];
  const written = local === undefined ? range : wordOf(localOf(module, local));
  const bits = Number(/^[\d.]+\/(\d+)$/.exec(written)?.[1] ?? Number.NaN);
  return bits >= PREFIX_BITS_MIN ? [] : [`open to ${written}`];
}

function secretFaults(module: Module): string[] {
  const faults: string[] = [];
  for (const { type, where } of [...resourcesOf(module), ...resourcesOf(module, 'data')]) {
    if (SECRET_KEEPERS.test(type)) faults.push(`${where}: puts a secret into the state`);
  }
  for (const { where, body, type } of resourcesOf(module)) {
    if (body['metadata_startup_script'] !== undefined) faults.push(`${where}: a second start-up`);
    if (type !== 'google_compute_instance') continue;
    for (const [key, value] of Object.entries((body['metadata'] ?? {}) as Body)) {
      if (METADATA[key] !== value) faults.push(`${where}: metadata ${key} is not among what may be there`);
    }
  }
  for (const name of startupVariables(module)) {
    if (!STARTUP_VARIABLES.has(name)) faults.push(`var.${name}: reaches the start-up, which everybody on the node reads`);
  }
  for (const [name, [body]] of Object.entries(module.variable ?? {})) {
    if (body?.['sensitive'] === true || /password|credential|private|token|api_?key/.test(name))
      faults.push(`var.${name}: a secret in a variable`);
  }
  return faults;
}

/** Variables that local.user_data is made of, through other locals. */
function startupVariables(module: Module): string[] {
  const seen = new Set<string>();
  const variables = new Set<string>();
  const visit = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    const text = JSON.stringify(localOf(module, name) ?? '');
    for (const [, variable] of text.matchAll(/\bvar\.(\w+)/g)) variables.add(variable!);
    for (const [, local] of text.matchAll(/\blocal\.(\w+)/g)) visit(local!);
  };
  visit('user_data');
  return [...variables];
}

function pinFaults(module: Module): string[] {
  const faults: string[] = [];
  const [terraform = {}] = module.terraform ?? [];
  if (!WITHIN_MAJOR.test(wordOf(terraform['required_version']))) faults.push('terraform itself is not pinned');
  const providers = ((terraform['required_providers'] ?? []) as Body[]).flatMap((body) => Object.entries(body)) as [string, Body][];
  for (const [name, its] of providers) if (!EXACT.test(wordOf(its['version']))) faults.push(`provider ${name} is not pinned`);
  for (const { type, where } of [...resourcesOf(module), ...resourcesOf(module, 'data')]) {
    const provider = type.slice(0, type.indexOf('_'));
    if (provider !== 'terraform' && !providers.some(([name]) => name === provider))
      faults.push(`${where}: of a provider without a version`);
  }
  for (const [name, [body]] of Object.entries(module.module ?? {})) {
    if (!/^\.\.?\//.test(wordOf(body?.['source']))) faults.push(`module.${name}: from elsewhere`);
  }
  for (const { where, body, type } of resourcesOf(module)) {
    if (type !== 'google_compute_instance') continue;
    const [params = {}] = (((body['boot_disk'] ?? []) as Body[])[0]?.['initialize_params'] ?? []) as Body[];
    if (params['image'] !== '${var.boot_image}') faults.push(`${where}: its image is not the one that is named`);
  }
  for (const [name, what] of [
    ['boot_image', '-v[0-9]{8}'],
    ['release_sha256', '{64}'],
    ['node_sha256', '{64}'],
  ] as const) {
    const conditions = JSON.stringify(module.variable?.[name]?.[0]?.['validation'] ?? '');
    if (module.variable?.[name] !== undefined && (defaultOf(module, name) !== undefined || !conditions.includes(what))) {
      faults.push(`var.${name}: does not pin`);
    }
  }
  return faults;
}

/** `1.2.3`, `= 1.2.3`: this one and no other. */
const EXACT = /^(= ?)?\d+\.\d+\.\d+$/;
/** `~> 1.2`: no next major version. Terraform itself is what a person has, so it is not one alone. */
const WITHIN_MAJOR = /^~> \d+\.\d+$/;

function nodeFaults(module: Module): string[] {
  const faults: string[] = [];
  const nodes = resourcesOf(module).filter(({ type }) => type === 'google_compute_instance');
  for (const { where, body } of nodes) {
    const metadata = (body['metadata'] ?? {}) as Body;
    for (const [key, value] of Object.entries(METADATA)) if (metadata[key] !== value) faults.push(`${where}: metadata ${key} is missing`);
    const [shield = {}] = (body['shielded_instance_config'] ?? []) as Body[];
    for (const part of ['enable_secure_boot', 'enable_vtpm', 'enable_integrity_monitoring']) {
      if (shield[part] !== true) faults.push(`${where}: ${part} is off`);
    }
    const [account = {}] = (body['service_account'] ?? []) as Body[];
    if (account['email'] !== '${google_service_account.node.email}') faults.push(`${where}: runs as an account that is not its own`);
  }
  // What is fastened to a machine or a disk by its name is gone when that is replaced.
  for (const { type, where, body } of resourcesOf(module)) {
    const to = /^google_compute_disk_resource_policy_attachment$/.test(type)
      ? 'google_compute_disk.data.disk_id'
      : /^google_(compute|iap_tunnel)_instance_iam_/.test(type) && 'google_compute_instance.node.instance_id';
    const [lifecycle = {}] = (body['lifecycle'] ?? []) as Body[];
    if (to !== false && wordOf(lifecycle['replace_triggered_by']) !== `["\${${to}}"]`)
      faults.push(`${where}: does not come again with ${to}`);
  }
  for (const { where, body } of resourcesOf(module).filter(({ type }) => type === 'google_compute_network')) {
    if (body['auto_create_subnetworks'] !== false) faults.push(`${where}: makes subnets by itself`);
  }
  return faults;
}

function grantFaults(module: Module): string[] {
  const faults: string[] = [];
  for (const { type, where, body } of resourcesOf(module)) {
    if (!/_iam_/.test(type)) continue;
    if (!type.endsWith('_iam_member') || /^google_(project|folder|organization)_/.test(type)) faults.push(`${where}: grants too widely`);
    const member = wordOf(body['member']);
    if (/allUsers|allAuthenticatedUsers/.test(member)) faults.push(`${where}: grants to the world`);
    if (member === '${google_service_account.node.member}') {
      if (NODE_ROLES[where] !== body['role']) faults.push(`${where}: the node's account may not be given ${wordOf(body['role'])}`);
    } else if (member !== '${each.key}' || body['for_each'] !== '${var.operators}')
      faults.push(`${where}: to whom is not said by operators`);
    if (/owner|editor|admin$/i.test(wordOf(body['role']))) faults.push(`${where}: ${wordOf(body['role'])} is too much`);
  }
  return faults;
}

function defaultOf(module: Module, variable: string): Hcl | undefined {
  return module.variable?.[variable]?.[0]?.['default'];
}

function localOf(module: Module, name: string): Hcl | undefined {
  return (module.locals ?? []).find((body) => body[name] !== undefined)?.[name];
}

/** A string as it is, anything else as JSON. */
function wordOf(value: Hcl | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? '');
}
