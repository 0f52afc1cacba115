/** The rules of tidy about the text of one file: time, randomness, environment, sizes, the machine's own paths. */
import { blocksOf, isFunction, lineAt } from './source-text.ts';

type Report = (path: string, line: number, message: string) => void;

const FILE_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;
const LINE_CHARACTERS_MAX = 140;

interface TextRule {
  pattern: RegExp;
  /** Files where it is allowed. */
  except: RegExp;
  instead: string;
}

const NOWHERE = /^$/;
const OWN_CLOCK = /^(common\/clock\.ts$|scripts\/|tests\/|benchmarks\/|cloud\/web\/)/;

/** Searched in code only, not in comments and strings. */
const CODE_RULES: readonly TextRule[] = [
  {
    pattern: /\bDate\.now\b|\bnew Date\(\s*\)|(?<![\w.]|new )Date\(\s*\)/g,
    except: OWN_CLOCK,
    instead: 'take a Clock (common/clock.ts) and ask its nowMs()',
  },
  {
    pattern: /(?<![\w$])(?<!(?<!globalThis)\.)(setTimeout|setInterval|setImmediate)\s*\(|\bAbortSignal\.timeout\b/g,
    except: OWN_CLOCK,
    instead: 'take a Clock (common/clock.ts) and use its sleep() or timer()',
  },
  {
    pattern: /(?<![\w.])performance\.|\bprocess\.hrtime\b/g,
    except: OWN_CLOCK,
    instead: 'take a Clock (common/clock.ts) and ask its monotonicMs()',
  },
  { pattern: /\bMath\.random\b/g, except: NOWHERE, instead: 'take a Random, or randomId() (common/random.ts)' },
  {
    pattern: /\bprocess\.env\b/g,
    except: /^(common\/config\.ts$|scripts\/|tests\/|benchmarks\/)/,
    instead: 'add a setting to common/settings.ts or read it in common/config.ts',
  },
];

/** Modules that are a clock by another name; searched in the import lines. */
const CLOCK_MODULES = /\bfrom '(node:)?(timers|timers\/promises|perf_hooks)'/g;

/** Searched everywhere, in every text file. Written so that this file does not hold what it looks for. */
const MACHINE_PATHS = new RegExp(['/(work', 'root', 'tmp)/[A-Za-z0-9._-]'].join('|'), 'g');
const REGISTRY_HOSTS = new RegExp(
  [
    ['registry', 'npmjs'],
    ['registry', 'yarnpkg'],
    ['pypi', 'org'],
    ['pythonhosted', 'org'],
    ['repo1', 'maven'],
  ]
    .map((host) => host.join('\\.'))
    .join('|'),
  'g',
);

/** Rules for every text file. */
export function checkAnyText(path: string, text: string, report: Report): void {
  for (const match of text.matchAll(MACHINE_PATHS)) {
    const before = text[match.index - 1] ?? ' ';
    // `${dir}/work/x` and `a/root/x` are parts of another path.
    if (/[\w.}/)*-]/.test(before)) continue;
    report(path, lineAt(text, match.index), `${match[0]}… is a path of one machine: use a relative path, os.tmpdir() or an option`);
  }
  for (const match of text.matchAll(REGISTRY_HOSTS)) {
    report(path, lineAt(text, match.index), `${match[0]}… names a package registry: name the package, its client knows the registry`);
  }
}

/** Rules for program text (.ts, .mjs). */
export function checkCode(path: string, text: string, blanked: string, report: Report): void {
  for (const { pattern, except, instead } of CODE_RULES) {
    if (except.test(path)) continue;
    for (const match of blanked.matchAll(pattern)) report(path, lineAt(blanked, match.index), `${match[0].trim()}: ${instead}`);
  }
  if (!OWN_CLOCK.test(path)) {
    for (const match of text.matchAll(CLOCK_MODULES)) {
      if (blanked.slice(match.index, match.index + 4) !== 'from') continue;
      report(path, lineAt(text, match.index), `imports ${match[2]}: take a Clock (common/clock.ts)`);
    }
  }
  checkSizes(path, text, blanked, report);
}

function checkSizes(path: string, text: string, blanked: string, report: Report): void {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (lines.length > FILE_LINES_MAX) report(path, lines.length, `${lines.length} lines, at most ${FILE_LINES_MAX}: split it by noun`);
  for (const [index, line] of lines.entries()) {
    if (line.length > LINE_CHARACTERS_MAX)
      report(path, index + 1, `${line.length} characters, at most ${LINE_CHARACTERS_MAX}: break the line`);
  }
  for (const block of blocksOf(blanked, FUNCTION_LINES_MAX)) {
    if (!isFunction(block) || block.call === 'describe' || block.call === 'suite') continue;
    const length = block.lastLine - block.firstLine + 1;
    report(path, block.firstLine, `a function of ${length} lines, at most ${FUNCTION_LINES_MAX}: give its steps names of their own`);
  }
}
