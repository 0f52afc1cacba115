/** Pure: how fast the data's time goes against the wall clock, told from when its newest window ends arrived. */

export interface Sample {
  arrivedMs: number;
  newestMs: number;
}

/** Windows come in jerks; over so long they even out. */
const LOOK_BACK_MS = 30_000;
/** Fewer say nothing of a speed. */
const LEAST_SPAN_MS = 8_000;

export function withArrival(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1);
  // The newest window only advances; should it go back, the cloud was given other data.
  if (last !== undefined && sample.newestMs < last.newestMs) return [sample];
  return [...samples.filter(({ arrivedMs }) => sample.arrivedMs - arrivedMs <= LOOK_BACK_MS), sample];
}

/** Simulated seconds in a second; null when the data stands still, undefined when too little was seen. */
export function speedOf(samples: readonly Sample[]): number | null | undefined {
  const [first] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last.arrivedMs - first.arrivedMs < LEAST_SPAN_MS) return undefined;
  const speed = (last.newestMs - first.newestMs) / (last.arrivedMs - first.arrivedMs);
  return speed <= 0 ? null : speed;
}

/** `×1`, `×60`, `×2.5`: no more digits than can be told. */
export function roundedSpeed(speed: number): number {
  return speed >= 10 ? Number(speed.toPrecision(2)) : Math.round(speed * 2) / 2 || Number(speed.toPrecision(1));
}
