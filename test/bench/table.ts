/**
 * Tables in Markdown: medians side by side, ratios, bars. Pure.
 */
import type { BenchSizes, Sample } from './bench.js';
import { FLOOR, floors } from './floor.js';
import { CROWD_STEPS, FAIR_MILLISECONDS, heavyWorks, type Row, rows, withSizes } from './rows.js';
import { best, geometricMean, median } from './statistics.js';

/** Twice as fast as Dovecot, as the geometric mean of all rows. */
const MEAN_BAR = 2;
/** A tenth of Courier's memory for a session. */
const MEMORY_BAR = 10;
const OURS = 'ours';
const EMPTY = '–';

/** The samples, as the tables want them. */
export class Results {
  readonly servers: readonly string[];
  readonly #samples: readonly Sample[];
  readonly #sizes: Partial<BenchSizes>;

  constructor(samples: readonly Sample[], servers: readonly string[], sizes: Partial<BenchSizes>) {
    this.#samples = samples;
    this.servers = servers;
    this.#sizes = sizes;
  }

  title(row: Row): string {
    return withSizes(row.title, this.#sizes);
  }

  of(row: string, server: string): Sample[] {
    return this.#samples.filter((sample) => sample.row === row && sample.server === server);
  }

  /** The median; NaN when it was not measured. */
  median(row: string, server: string): number {
    return median(this.of(row, server).map(({ value }) => value));
  }

  /** The median of the CPU time; NaN when there is none. */
  cpu(row: string, server: string): number {
    return median(this.of(row, server).flatMap(({ cpuMilliseconds }) => cpuMilliseconds ?? []));
  }

  /** How many times better ours is; NaN when one of both was not measured. */
  ratio({ key, better }: Row, server: string): number {
    const [ours, other] = [this.median(key, OURS), this.median(key, server)];
    return better === 'higher' ? ours / other : other / ours;
  }

  /** The servers beside ours. */
  get others(): string[] {
    return this.servers.includes(OURS) ? this.servers.filter((server) => server !== OURS) : [];
  }

  /** How many times better ours is than the best of the others; NaN when there is none to compare with. */
  ratioToBest(row: Row): number {
    const ratios = this.others.map((server) => this.ratio(row, server)).filter((ratio) => !Number.isNaN(ratio));
    return ratios.length === 0 ? Number.NaN : Math.min(...ratios);
  }

  measured(table: Row['table']): Row[] {
    return rows.filter(
      (row) => row.table === table && this.servers.some((server) => this.of(row.key, server).length > 0),
    );
  }
}

/** Three digits that mean something; a dash for what was not measured. */
export function shownNumber(value: number): string {
  if (!Number.isFinite(value)) return EMPTY;
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  return value >= 100 || value === 0 ? String(Math.round(value)) : value.toPrecision(value < 1 ? 2 : 3);
}

function markdown(lines: readonly (readonly string[])[]): string {
  const [head = [], ...body] = lines;
  const rule = head.map((_, column) => (column === 0 ? '---' : '--:'));
  return [head, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** The main table: median, and the best in brackets where it shows; a ratio above 1 is in our favour. */
export function comparedTable(results: Results): string {
  const { servers, others } = results;
  const ratios =
    others.length === 0 ? [] : [...others.map((other) => `ours : ${other}`), 'ours : better of both', 'bar'];
  const lines = results.measured('compared').map((row) => {
    const cells = servers.map((server) => {
      const values = results.of(row.key, server).map(({ value }) => value);
      const [middle, top] = [shownNumber(median(values)), shownNumber(best(values, row.better))];
      return middle === top || values.length === 0 ? middle : `${middle} (${top})`;
    });
    const toBest = results.ratioToBest(row);
    const bar = Number.isNaN(toBest) ? EMPTY : toBest >= 1 ? 'met' : '**missed**';
    const compared = others.map((other) => shownRatio(results.ratio(row, other)));
    return [
      `${results.title(row)}, ${row.unit}`,
      ...cells,
      ...(ratios.length === 0 ? [] : [...compared, shownRatio(toBest), bar]),
    ];
  });
  return lines.length === 0 ? '' : markdown([['', ...servers, ...ratios], ...lines]);
}

function shownRatio(ratio: number): string {
  if (!Number.isFinite(ratio)) return EMPTY;
  return ratio >= 20 ? ratio.toFixed(0) : ratio.toFixed(2);
}

/** CPU time of the server's processes. */
export function cpuTable(results: Results): string {
  const measured = results
    .measured('compared')
    .filter(({ key }) => results.servers.some((server) => !Number.isNaN(results.cpu(key, server))));
  const lines = measured.map((row) => [
    results.title(row),
    ...results.servers.map((server) => shownNumber(results.cpu(row.key, server))),
  ]);
  return lines.length === 0 ? '' : markdown([['server CPU, ms', ...results.servers], ...lines]);
}

/** How far ours is from what a C program needs that does only the system calls. */
export function floorTable(results: Results): string {
  const lines = rows
    .filter(({ key }) => results.of(key, FLOOR).length > 0)
    .map((row) => {
      const [floor, ours] = [results.median(row.key, FLOOR), results.median(row.key, OURS)];
      const times = row.better === 'higher' ? floor / ours : ours / floor;
      const title = `${results.title(row)}, ${row.unit}`;
      return [title, floors[row.key] ?? '', shownNumber(floor), shownNumber(ours), shownRatio(times)];
    });
  return lines.length === 0 ? '' : markdown([['', 'only', 'floor', 'ours', 'times the floor'], ...lines]);
}

/** How long another account waits. */
export function fairnessTable(results: Results): string {
  if (results.measured('fairness').length === 0) return '';
  const { servers } = results;
  const shown = (keys: readonly string[], server: string): string =>
    keys.map((key) => shownNumber(results.median(key, server))).join(' / ');
  const withOurs = servers.includes(OURS);
  const lines = heavyWorks.map(({ key, title }) => {
    const waits = servers.map((server) => shown([`noop_${key}_p50`, `noop_${key}_p99`, `noop_${key}_max`], server));
    const worst = Math.max(results.median(`noop_${key}_p99`, OURS), results.median(`loop_${key}_p99`, OURS) || 0);
    const bar = Number.isNaN(worst) ? EMPTY : worst < FAIR_MILLISECONDS ? 'met' : '**missed**';
    return [title, ...waits, ...(withOurs ? [shown([`loop_${key}_p99`, `loop_${key}_max`], OURS), bar] : [])];
  });
  const alone = servers.map((server) => shownNumber(results.median('noop_alone', server)));
  const head = ['NOOP beside …, p50 / p99 / max, ms', ...servers];
  return markdown([
    withOurs ? [...head, 'our event loop, p99 / max', `p99 below ${FAIR_MILLISECONDS}`] : head,
    ['nothing, p99', ...alone, ...(withOurs ? [EMPTY, EMPTY] : [])],
    ...lines,
  ]);
}

/** Many sessions on ours. */
export function crowdTable(results: Results): string {
  const lines = CROWD_STEPS.filter((step) => results.of(`crowd_${step}_memory`, OURS).length > 0).map((step) => [
    `${step.toLocaleString('en-US')} sessions in IDLE`,
    ...['memory', 'p50', 'p99', 'max'].map((which) => shownNumber(results.median(`crowd_${step}_${which}`, OURS))),
  ]);
  if (lines.length === 0) return '';
  return markdown([['ours', 'KiB per session', 'told of a delivery, p50, ms', 'p99', 'max'], ...lines]);
}

/** Sentences that say which bars are met. */
export function verdict(results: Results): string[] {
  const compared = results.measured('compared');
  const toBest = compared.map((row) => results.ratioToBest(row)).filter((ratio) => !Number.isNaN(ratio));
  if (toBest.length === 0) return [];
  const met = toBest.filter((ratio) => ratio >= 1).length;
  const sentences = [`At least equal to the better of both: ${met} of ${toBest.length} rows.`];
  for (const other of results.others) {
    const ratios = compared.map((row) => results.ratio(row, other)).filter((ratio) => !Number.isNaN(ratio));
    const mean = geometricMean(ratios);
    const bar = other === 'dovecot' ? ` (bar ${MEAN_BAR}: ${mean >= MEAN_BAR ? 'met' : 'missed'})` : '';
    sentences.push(`Geometric mean of ${ratios.length} rows against ${other}: ${mean.toFixed(2)}${bar}.`);
  }
  const memory = ['memory_selected', 'memory_idle'].map(
    (key) => results.median(key, 'courier') / results.median(key, OURS),
  );
  if (memory.every((ratio) => Number.isFinite(ratio))) {
    const ok = Math.min(...memory) > MEMORY_BAR ? 'met' : 'missed';
    const [selected, idle] = memory.map((ratio) => ratio.toFixed(1));
    sentences.push(
      `Courier's memory for a plaintext session is ${selected} (selected) and ${idle} (IDLE) times ours (bar ${MEMORY_BAR}: ${ok}).`,
    );
  }
  return sentences;
}

/** What is told without being compared. */
export function besideLines(results: Results): string[] {
  return results.measured('beside').map((row) => {
    const values = results.servers.map((server) =>
      `${server} ${shownNumber(results.median(row.key, server))} ${row.unit}`.trim(),
    );
    return `${results.title(row)}: ${values.join(', ')}`;
  });
}
