/**
 * A producer in a process of its own, for the broker suite. Arguments: how to open the broker, then what to append, both JSON.
 * It prints `ready`, waits for a line on stdin before each round, and prints `acked <first offset>` after each append.
 */
import { createInterface } from 'node:readline';
import { systemClock } from '../../common/clock.ts';
import { configWith, type SettingName } from '../../common/config.ts';
import { openLogger } from '../../common/logger.ts';
import { openBroker } from '../../common/broker/open-broker.ts';

export interface ChildBroker {
  stateDir: string;
  settings: Partial<Record<SettingName, string>>;
}

export interface ChildTask {
  topic: string;
  partitions: number;
  partition: number;
  /** Records are `tag:0`, `tag:1`, … */
  tag: string;
  recordsPerAppend: number;
  appendsPerRound: number;
}

async function main(): Promise<void> {
  const { stateDir, settings } = JSON.parse(process.argv[2] as string) as ChildBroker;
  const task = JSON.parse(process.argv[3] as string) as ChildTask;
  const broker = openBroker(configWith(settings), stateDir, systemClock, openLogger('broker-child', 'warn'));
  await broker.start();
  await broker.ensureTopic(task.topic, { partitions: task.partitions, retentionMs: 86_400_000 });
  process.stdout.write('ready\n');
  let number = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'end') break;
    for (let round = 0; round < task.appendsPerRound; round++) {
      const records = Array.from({ length: task.recordsPerAppend }, () => ({
        key: task.tag,
        value: Buffer.from(`${task.tag}:${number++}`),
      }));
      const { baseOffset } = await broker.append(task.topic, task.partition, records);
      process.stdout.write(`acked ${baseOffset}\n`);
    }
  }
  await broker.stop();
}

await main();
