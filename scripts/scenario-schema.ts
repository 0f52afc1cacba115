/** Writes the published schema of scenario files: `node --import tsx scripts/scenario-schema.ts`. Then
 * `npm run format`. A test says when it is due. */
import { writeFileSync } from 'node:fs';
import { scenarioJsonSchema } from '../edge/simulator/scenario/scenario-file.ts';

writeFileSync(
  new URL('../edge/simulator/scenario/scenario.schema.json', import.meta.url),
  `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`,
);
