/**
 * The simulator `asset-readings`: the meter of a household with assets. Each input is a field of the household's readings; every step makes
 * one reading of all of them, as an event, which is what the topic writer takes. Several sources of one field add up.
 *
 * A reading is a function of its tick, and its seq counts the steps from tick 0, so a run that begins again tells the same readings
 * (R1). Its source is known by everything that decides the values: that is what the parameter `model` must name.
 */
import { createHash } from 'node:crypto';
import { MS_PER_SECOND } from '../../../../common/units.ts';
import { isId } from '../../../../common/ids.ts';
import type { Reading } from '../../../../common/messages.ts';
import type { CreatedEntity, Inputs, OutputRequest, Outputs, Params, Simulator, SimulatorMeta } from '../../cosim/simulator.ts';
import { METER } from '../household-folder.ts';
import { refused, stepping, sumOf } from './asset-simulator.ts';

/** Changes when the same settings give other values: such readings are of another source. */
const ASSETS_VERSION = 1;

export class AssetReadings implements Simulator {
  private sid = '';
  private startMs = 0;
  private stepTicks = 1;
  private stepMs = MS_PER_SECOND;
  /** Source of readings by household. */
  private readonly sources = new Map<string, string>();
  private readings: Record<string, Reading[]> = {};

  init(sid: string, timeResolution: number, params: Params): SimulatorMeta {
    const { startMs, stepTicks } = stepping(sid, timeResolution, params['start'], params['step_seconds']);
    this.sid = sid;
    this.startMs = startMs;
    this.stepTicks = stepTicks;
    this.stepMs = stepTicks * timeResolution * MS_PER_SECOND;
    const model = { params: ['household', 'model'], attrs: ['readings'], nonPersistent: ['readings'], anyInputs: true };
    return { type: 'hybrid', models: { Meter: model } };
  }

  /** @param params household: its id; model: everything that decides its values, as text */
  create(num: number, model: string, params: Params): CreatedEntity[] {
    const { household, model: decides = '' } = params;
    if (num !== 1) throw refused(this.sid, 'create', 'a household has one meter: create them one by one, each with its household');
    if (!isId(household))
      throw refused(this.sid, 'create', `household is ${String(household)}: letters, digits, _ and -, at most 128, are wanted`);
    const text = JSON.stringify([ASSETS_VERSION, household, METER, this.startMs, this.stepMs, decides]);
    this.sources.set(household, createHash('sha256').update(text).digest('hex').slice(0, 8));
    return [{ eid: household, type: model }];
  }

  step(tick: number, inputs: Inputs): number {
    this.readings = {};
    const seq = tick / this.stepTicks + 1;
    const timeMs = this.startMs + (seq - 1) * this.stepMs;
    for (const [household, src] of this.sources) {
      const values: Record<string, number> = {};
      const fields = inputs[household] ?? {};
      for (const field in fields) values[field] = sumOf(fields, field);
      this.readings[household] = [{ household, device: METER, src, seq, timeMs, values }];
    }
    return tick + this.stepTicks;
  }

  getData(wanted: OutputRequest): Outputs {
    const data: Record<string, Record<string, unknown>> = {};
    for (const household in wanted) data[household] = { readings: this.readings[household] };
    return { data };
  }
}
