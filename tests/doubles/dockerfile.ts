/** Reads a Dockerfile into its stages: no more of the language than ours uses, and whatever is not known is refused. */
import assert from 'node:assert/strict';

export interface Step {
  instruction: string;
  text: string;
  line: number;
}

export interface Stage {
  name: string;
  /** An image, or the name of a stage above. */
  base: string;
  steps: readonly Step[];
}

export interface Dockerfile {
  args: ReadonlyMap<string, string>;
  stages: readonly Stage[];
}

const KNOWN = [
  'FROM',
  'ARG',
  'ENV',
  'RUN',
  'COPY',
  'WORKDIR',
  'USER',
  'VOLUME',
  'EXPOSE',
  'STOPSIGNAL',
  'HEALTHCHECK',
  'ENTRYPOINT',
  'CMD',
];

/** @throws for what it does not know */
export function parseDockerfile(text: string): Dockerfile {
  const args = new Map<string, string>();
  const stages: { name: string; base: string; steps: Step[] }[] = [];
  for (const step of stepsOf(text)) {
    if (step.instruction === 'FROM') {
      const [, base, name] = /^(\S+) AS ([a-z]+)$/.exec(step.text) ?? assert.fail(`line ${step.line}: FROM without a name: ${step.text}`);
      const image = base!.replaceAll(/\$\{(\w+)\}/g, (_all, key: string) => args.get(key) ?? assert.fail(`no ARG ${key}`));
      stages.push({ name: name!, base: image, steps: [] });
    } else if (stages.length === 0) {
      const [, key, value] = /^(\w+)=(\S+)$/.exec(step.text) ?? [];
      assert(step.instruction === 'ARG' && key !== undefined && value !== undefined, `line ${step.line}: ${step.instruction} above FROM`);
      args.set(key, value);
    } else stages.at(-1)!.steps.push(step);
  }
  return { args, stages };
}

function stepsOf(text: string): Step[] {
  const steps: Step[] = [];
  let open: Step | undefined;
  for (const [i, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const goesOn = line.endsWith('\\');
    const piece = goesOn ? line.slice(0, -1) : line;
    if (open === undefined) {
      const [, instruction = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(piece) ?? [];
      assert(KNOWN.includes(instruction), `line ${i + 1}: unknown instruction: ${line}`);
      open = { instruction, text: rest, line: i + 1 };
    } else open.text += piece;
    if (goesOn) continue;
    steps.push({ ...open, text: open.text.trim() });
    open = undefined;
  }
  assert(open === undefined, 'the last instruction is not ended');
  return steps;
}

/** `KEY=value` pairs of ENV; values without blanks. */
export function pairsOf({ text, line }: Step): [string, string][] {
  return text.split(/\s+/).map((pair) => {
    const [, key, value] = /^(\w+)=([^\s"'$]*)$/.exec(pair) ?? assert.fail(`line ${line}: not KEY=value: ${pair}`);
    return [key!, value!];
  });
}

/** The words of `["fogline", "health"]`; the other form would start a shell. */
export function wordsOf(text: string): string[] {
  const words: unknown = JSON.parse(text);
  assert(Array.isArray(words) && words.every((word) => typeof word === 'string'), `no list of words: ${text}`);
  return words;
}

/** The last of an instruction in a stage. */
export function lastOf({ steps }: Stage, instruction: string): Step {
  return steps.findLast((step) => step.instruction === instruction) ?? assert.fail(`no ${instruction}`);
}
