/** The table of what Google's provider declares is read from type declarations: nothing of them may be passed over in silence. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { googleTypes, tableOf } from '../../../scripts/provider-table.ts';

/** As the package writes them. */
const DECLARATIONS = `
export interface ComputeThingConfig extends cdktf.TerraformMetaArguments {
    /**
    * Its name; for more see {@link https://example.org/a the page}.
    *
    * Docs at Terraform Registry: {@link https://example.org/compute_thing#name ComputeThing#name}
    */
    readonly name: string;
    /**
    * Docs at Terraform Registry: {@link https://example.org/compute_thing#ipv6_size ComputeThing#ipv6_size}
    *
    * Please be aware that it may not be settable.
    */
    readonly ipv6Size?: number;
    /**
    * Docs at Terraform Registry: {@link https://example.org/compute_thing#on ComputeThing#on}
    */
    readonly on?: boolean | cdktf.IResolvable;
    /**
    * Docs at Terraform Registry: {@link https://example.org/compute_thing#labels ComputeThing#labels}
    */
    readonly labels?: {
        [key: string]: string;
    };
    /**
    * Docs at Terraform Registry: {@link https://example.org/compute_thing#ranges ComputeThing#ranges}
    */
    readonly ranges?: string[];
    /**
    * allow block
    *
    * Docs at Terraform Registry: {@link https://example.org/compute_thing#allow ComputeThing#allow}
    */
    readonly allow?: ComputeThingAllow[] | cdktf.IResolvable;
    /**
    * timeouts block
    *
    * Docs at Terraform Registry: {@link https://example.org/compute_thing#shield ComputeThing#shield}
    */
    readonly shield: ComputeThingShield;
}
export interface ComputeThingAllow {
    /**
    * Docs at Terraform Registry: {@link https://example.org/compute_thing#protocol ComputeThing#protocol}
    */
    readonly protocol: string;
}
export interface ComputeThingShield {
    /**
    * Docs at Terraform Registry: {@link https://example.org/compute_thing#port_numbers ComputeThing#port_numbers}
    */
    readonly portNumbers?: number[];
}
export declare class ComputeThing extends cdktf.TerraformResource {
    get nameInput(): string;
    get creationTimestamp(): string;
}
`;

test('arguments, blocks inside and attributes by their names in Terraform', () => {
  const text = { type: 'string', required: true };
  assert.deepEqual(tableOf('google_compute_thing', DECLARATIONS), {
    arguments: {
      name: text,
      ipv6_size: { type: 'number', required: false },
      on: { type: 'bool', required: false },
      labels: { type: 'map', required: false },
      ranges: { type: 'list', required: false },
      allow: { block: { protocol: text }, many: true, required: false },
      shield: { block: { port_numbers: { type: 'list', required: false } }, many: false, required: true },
    },
    attributes: ['allow', 'creation_timestamp', 'ipv6_size', 'labels', 'name', 'on', 'ranges', 'shield'],
  });
});

test('what is not understood is no table', () => {
  const broken: readonly (readonly [string, string, RegExp])[] = [
    ['#ipv6_size ComputeThing#ipv6_size', 'no name', /7 arguments, 6 understood/],
    ['readonly ipv6Size?: number', 'readonly ipv6Size?: bigint', /a type that is not understood: bigint/],
    ['interface ComputeThingAllow', 'interface Other', /no interface ComputeThingAllow/],
    ['class ComputeThing ', 'class Thing ', /google_compute_thing has no class ComputeThing/],
  ];
  for (const [from, to, message] of broken) {
    assert(DECLARATIONS.includes(from));
    assert.throws(() => tableOf('google_compute_thing', DECLARATIONS.replace(from, to)), message);
  }
});

test('the types are those of the resources, each once', () => {
  const text =
    'resource "google_b" "x" {\n}\nresource "google_a" "y" {\n}\nresource "terraform_data" "z" {\n}\n# resource "google_c" "w"\n';
  assert.deepEqual(googleTypes([text, 'resource "google_a" "v" {\n}\n']), ['google_a', 'google_b']);
});
