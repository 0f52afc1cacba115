/**
 * Compares a parsed Terraform module with what the provider declares (terraform/provider-table.json), as `terraform validate` would
 * where the provider can be had: types of resources, arguments, nested blocks, what is required, and what references name.
 */
import type { Arguments, BlockArgument, ProviderTable } from '../../scripts/provider-table.ts';
import type { Body, Hcl, Module } from './hcl-json.ts';

/** Arguments that Terraform itself knows of every resource. */
const META = new Set(['count', 'for_each', 'depends_on', 'lifecycle', 'provider', 'provisioner', 'connection', 'timeouts', 'dynamic']);
/** Of Terraform itself: no provider declares it. */
const BUILT_IN: Readonly<Record<string, readonly string[]>> = { terraform_data: ['input', 'triggers_replace', 'output', 'id'] };

/** @returns what Terraform would refuse, or ask a provider for that is not there */
export function argumentFaults(module: Module, table: ProviderTable): string[] {
  const faults: string[] = [];
  for (const [kind, labelled] of Object.entries({ resource: module.resource ?? {}, data: module.data ?? {} })) {
    for (const [type, byName] of Object.entries(labelled)) {
      for (const [name, bodies] of Object.entries(byName)) {
        const where = `${type}.${name}`;
        if (bodies.length > 1) faults.push(`${where}: there twice`);
        for (const body of bodies) faults.push(...resourceFaults(kind, where, type, body, table));
      }
    }
  }
  return [...faults, ...referenceFaults(module, table), ...circleFaults(module)];
}

function resourceFaults(kind: string, where: string, type: string, body: Body, table: ProviderTable): string[] {
  const builtIn = BUILT_IN[type];
  if (builtIn !== undefined) {
    return Object.keys(body).flatMap((key) => (META.has(key) || builtIn.includes(key) ? [] : [`${where}.${key}: no such argument`]));
  }
  const known = kind === 'resource' ? table.resources[type] : undefined;
  if (known === undefined) return [`${where}: ${kind} of a type that the table has not (scripts/provider-table.ts makes it anew)`];
  return bodyFaults(where, body, known.arguments, true);
}

function bodyFaults(where: string, body: Body, args: Arguments, top: boolean): string[] {
  const faults: string[] = [];
  // `dynamic "allow" { content { … } }` stands for blocks named allow.
  const dynamic = (body['dynamic'] ?? {}) as Record<string, { content: Body[] }[]>;
  for (const [name, blocks] of Object.entries(dynamic)) {
    for (const { content } of blocks) faults.push(...argumentFault(`${where}.${name}`, content, args[name]));
  }
  for (const [name, value] of Object.entries(body)) {
    if (name === 'dynamic' || (top && META.has(name))) continue;
    faults.push(...argumentFault(`${where}.${name}`, value, args[name]));
  }
  for (const [name, { required }] of Object.entries(args)) {
    if (required && body[name] === undefined && dynamic[name] === undefined) faults.push(`${where}.${name}: is required`);
  }
  return faults;
}

function argumentFault(where: string, value: Hcl, argument: Arguments[string] | undefined): string[] {
  if (argument === undefined) return [`${where}: no such argument`];
  if ('block' in argument) return blockFaults(where, value, argument);
  // What a reference gives is known when Terraform runs.
  if (value === null || (typeof value === 'string' && value.startsWith('${'))) return [];
  const shape = Array.isArray(value) ? 'list' : typeof value === 'object' ? 'map' : 'value';
  const wanted = argument.type === 'list' || argument.type === 'map' ? argument.type : 'value';
  if (shape !== wanted) return [`${where}: a ${shape} where a ${argument.type} belongs`];
  const literal = typeof value === 'string' && !value.includes('${') ? value : undefined;
  if (argument.type === 'number' && literal !== undefined && Number.isNaN(Number(literal))) return [`${where}: no number`];
  if (argument.type === 'bool' && (typeof value === 'number' || (literal !== undefined && !/^(true|false)$/.test(literal)))) {
    return [`${where}: neither true nor false`];
  }
  return [];
}

function blockFaults(where: string, value: Hcl, { block, many }: BlockArgument): string[] {
  if (!Array.isArray(value)) return [`${where}: is a block`];
  if (!many && value.length > 1) return [`${where}: may stand there once`];
  return value.flatMap((body) => bodyFaults(where, body as Body, block, false));
}

function referenceFaults(module: Module, table: ProviderTable): string[] {
  const locals = new Set((module.locals ?? []).flatMap((body) => Object.keys(body)));
  const faults: string[] = [];
  for (const text of stringsOf(module as unknown as Hcl)) {
    for (const inside of expressionsOf(text)) {
      for (const [, kind, name] of inside.matchAll(/(?<![\w.])(var|local)\.(\w+)/g)) {
        const known = kind === 'var' ? module.variable?.[name!] !== undefined : locals.has(name!);
        if (!known) faults.push(`${kind}.${name}: is declared nowhere`);
      }
      for (const [, type, name, attribute] of inside.matchAll(/(?<![\w.])((?:google|terraform)_\w+)\.(\w+)(?:\.(\w+))?/g)) {
        if (module.resource?.[type!]?.[name!] === undefined) faults.push(`${type}.${name}: is declared nowhere`);
        const attributes = BUILT_IN[type!] ?? table.resources[type!]?.attributes ?? [];
        if (attribute !== undefined && !attributes.includes(attribute)) faults.push(`${type}.${name}.${attribute}: no such attribute`);
      }
    }
  }
  return [...new Set(faults)];
}

/** Resources and locals that wait for each other: Terraform makes none of them. */
function circleFaults(module: Module): string[] {
  const needs = new Map<string, Set<string>>();
  const note = (name: string, value: Hcl) => {
    const found = stringsOf(value).flatMap((text) =>
      expressionsOf(text).flatMap((inside) =>
        [...inside.matchAll(/(?<![\w.])((?:google|terraform)_\w+\.\w+|local\.\w+)/g)].map((its) => its[1]!),
      ),
    );
    needs.set(name, new Set(found));
  };
  for (const [type, byName] of Object.entries(module.resource ?? {})) {
    for (const [name, bodies] of Object.entries(byName)) note(`${type}.${name}`, bodies as unknown as Hcl);
  }
  for (const body of module.locals ?? []) for (const [name, value] of Object.entries(body)) note(`local.${name}`, value);
  const faults: string[] = [];
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]) => {
    if (way.includes(name)) faults.push(`${[...way.slice(way.indexOf(name)), name].join(' needs ')}`);
    if (way.includes(name) || done.has(name)) return;
    for (const next of needs.get(name) ?? []) visit(next, [...way, name]);
    done.add(name);
  };
  for (const name of needs.keys()) visit(name, []);
  return faults;
}

/** What stands between `${` and its `}`, with what is nested in it. */
function expressionsOf(text: string): string[] {
  const begin = text.indexOf('${');
  return begin < 0 ? [] : [text.slice(begin)];
}

function stringsOf(value: Hcl): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(stringsOf);
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : [];
}
