/**
 * What Google's Terraform provider knows of the resources in terraform/: `node --import tsx scripts/provider-table.ts`.
 *
 * The provider itself can't be had everywhere; its arguments are also in the type declarations of the npm package
 * @cdktf/provider-google. This script fetches the package (32 MB) into the cache and writes the part that terraform/ uses into
 * terraform/provider-table.json, which the tests compare terraform/ with. The package is no dependency: run it after using a new
 * type of resource, or another version of the provider.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = '@cdktf/provider-google';
/** The version that was made of PROVIDER. */
const PACKAGE_VERSION = '16.12.1';
const PROVIDER = '6.50.0';
const FETCH_MS = 300_000;

/** An argument that holds a value. */
export interface ValueArgument {
  type: 'string' | 'number' | 'bool' | 'list' | 'map';
  required: boolean;
}

/** A block inside, with arguments of its own. */
export interface BlockArgument {
  block: Arguments;
  /** May stand there more than once. */
  many: boolean;
  required: boolean;
}

export type Arguments = Record<string, ValueArgument | BlockArgument>;

export interface ResourceTable {
  arguments: Arguments;
  /** Names that others may ask it for, arguments among them. */
  attributes: string[];
}

export interface ProviderTable {
  package: string;
  provider: string;
  resources: Record<string, ResourceTable>;
}

/** google_compute_disk_resource_policy_attachment → ComputeDiskResourcePolicyAttachment */
function classOf(type: string): string {
  return type.replace(/^google_/, '').replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** Names of the types are made as those of the arguments: an underscore before each capital. */
function snakeOf(camel: string): string {
  return camel.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * @param declarations text of the package's index.d.ts for this type of resource
 */
export function tableOf(type: string, declarations: string): ResourceTable {
  const name = classOf(type);
  const args = argumentsOf(`${name}Config`, declarations);
  const own = declarations.slice(declarations.indexOf(`export declare class ${name} extends`));
  assertFound(own.length > 1, `${type} has no class ${name}`);
  const getters = [...own.matchAll(/^ {4}get (\w+)\(\): /gm)].map((match) => snakeOf(match[1]!));
  const internal = /_input$|^(terraform_|fqn$|friendly_unique_id|construct_node|path$|cdktf)/;
  const attributes = [...new Set([...Object.keys(args), ...getters.filter((getter) => !internal.test(getter))])].sort();
  return { arguments: args, attributes };
}

function argumentsOf(interfaceName: string, declarations: string): Arguments {
  const begin = declarations.search(new RegExp(`^export interface ${interfaceName}\\b`, 'm'));
  assertFound(begin >= 0, `no interface ${interfaceName}`);
  const body = declarations.slice(begin, declarations.indexOf('\n}', begin));
  const found: Arguments = {};
  // The name in Terraform stands at the end of the comment before: it can't always be had from the other one.
  for (const match of body.matchAll(/#(\w+) \w+#\w+\}(?:(?!\*\/)[\s\S])*\*\/\s*readonly \w+(\??): ([^;{]+|\{[^}]*\});/g)) {
    const [, name, optional, written] = match as unknown as [string, string, string, string];
    found[name] = argumentOf(written.replace(/ \| cdktf\.IResolvable/g, '').trim(), optional !== '?', declarations);
  }
  const declared = [...body.matchAll(/^ {4}readonly /gm)].length;
  assertFound(declared === Object.keys(found).length, `${interfaceName}: ${declared} arguments, ${Object.keys(found).length} understood`);
  return found;
}

function argumentOf(written: string, required: boolean, declarations: string): ValueArgument | BlockArgument {
  if (written === 'string' || written === 'number') return { type: written, required };
  if (written === 'boolean') return { type: 'bool', required };
  if (written.startsWith('{')) return { type: 'map', required };
  if (/^\(?(string|number|boolean)\)?\[\]$/.test(written) || /^\(?boolean/.test(written)) return { type: 'list', required };
  const block = /^([A-Z]\w*)(\[\])?$/.exec(written);
  assertFound(block !== null, `a type that is not understood: ${written}`);
  return { block: argumentsOf(block![1]!, declarations), many: block![2] !== undefined, required };
}

function assertFound(found: boolean, what: string): void {
  if (!found) throw new Error(`${what}: is ${PACKAGE} laid out in another way now?`);
}

/** Types of Google's resources in the text of Terraform files. */
export function googleTypes(texts: readonly string[]): string[] {
  const all = texts.flatMap((text) => [...text.matchAll(/^resource "(google_\w+)"/gm)].map((match) => match[1]!));
  return [...new Set(all)].sort();
}

function runIn(folder: string, command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8', timeout: FETCH_MS });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

function main(): void {
  const folder = fileURLToPath(new URL('../terraform', import.meta.url));
  const files = readdirSync(folder).filter((name) => name.endsWith('.tf'));
  const types = googleTypes(files.map((name) => readFileSync(join(folder, name), 'utf8')));
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'fogline-ci', `provider-google-${PACKAGE_VERSION}`);
  mkdirSync(cache, { recursive: true });
  const archive = `cdktf-provider-google-${PACKAGE_VERSION}.tgz`;
  if (!existsSync(join(cache, archive))) runIn(cache, 'npm', ['pack', '--silent', `${PACKAGE}@${PACKAGE_VERSION}`]);
  const pathOf = (type: string) => `package/lib/${type.replace(/^google_/, '').replaceAll('_', '-')}/index.d.ts`;
  runIn(cache, 'tar', ['--extract', '--gzip', '--file', archive, ...types.map(pathOf)]);
  const resources = Object.fromEntries(types.map((type) => [type, tableOf(type, readFileSync(join(cache, pathOf(type)), 'utf8'))]));
  const table: ProviderTable = { package: `${PACKAGE}@${PACKAGE_VERSION}`, provider: PROVIDER, resources };
  writeFileSync(join(folder, 'provider-table.json'), `${JSON.stringify(table)}\n`);
  process.stdout.write(`${types.length} types of resources\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
