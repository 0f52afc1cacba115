import { MemoryLatest } from '../../cloud/server/storage/memory-latest.ts';
import { systemClock } from '../../common/clock.ts';
import { latestSuite } from './latest-suite.ts';

latestSuite({ name: 'memory', open: () => new MemoryLatest(systemClock) });
