/** The Python of the machine that has a module; undefined when there is none. */
import { spawnSync } from 'node:child_process';

/** FOGLINE_MOSAIK_PYTHON (mosaik wants 3.12), FOGLINE_PYTHON, python3: the first that can import all of them. */
export function pythonWith(...modules: readonly string[]): string | undefined {
  const candidates = [process.env['FOGLINE_MOSAIK_PYTHON'], process.env['FOGLINE_PYTHON'], 'python3'];
  return candidates.find((python) => python !== undefined && python !== '' && canImport(python, modules));
}

function canImport(python: string, modules: readonly string[]): boolean {
  return spawnSync(python, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' }).status === 0;
}
