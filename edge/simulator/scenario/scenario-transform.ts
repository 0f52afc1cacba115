/** Transforms of a scenario file: data, not code. Pure. */
import { CosimError } from '../cosim/errors.ts';
import type { TransformStep } from './scenario-file.ts';

/**
 * @param place where it stands, for the error
 * @returns throws CosimError ANSWER_INVALID for what is no number
 */
export function transformOf(steps: readonly TransformStep[], place: string): (value: unknown) => number {
  const changes = steps.map(changeOf);
  return (value) => {
    if (typeof value !== 'number')
      throw new CosimError(
        'ANSWER_INVALID',
        `${place} got ${JSON.stringify(value)}, a number is wanted`,
        'take the transform away, or connect a number',
      );
    return changes.reduce((changed, change) => change(changed), value);
  };
}

function changeOf(step: TransformStep): (value: number) => number {
  if ('scale' in step) return (value) => value * step.scale;
  if ('offset' in step) return (value) => value + step.offset;
  if ('clamp' in step) {
    const [min, max] = step.clamp;
    return (value) => Math.min(max ?? Number.POSITIVE_INFINITY, Math.max(min ?? Number.NEGATIVE_INFINITY, value));
  }
  if (step.sign === 'flip') return (value) => 0 - value;
  return step.sign === 'positive' ? (value) => Math.max(0, value) : (value) => Math.min(0, value);
}
