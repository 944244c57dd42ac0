/**
 * The page of figures in the text format of Prometheus (version 0.0.4).
 *
 *     # HELP angarium_sessions Sessions now.
 *     # TYPE angarium_sessions gauge
 *     angarium_sessions 17
 *
 * It knows no process and no socket.
 */
import { DURATION_BOUNDS, type ProcessCounts } from './counts.js';
import { families, PREFIX } from './families.js';

/** Writes the page; series whose family nobody knows are left out. */
export function formatPage({ counts, levels, durations }: ProcessCounts): string {
  const lines = new Map<string, string[]>();
  const add = (series: string, write: (name: string, labels: string) => string[]): void => {
    const { name, labels } = splitSeries(series);
    if (!families.has(name)) return;
    const of = lines.get(name) ?? [];
    lines.set(name, of);
    of.push(...write(name, labels));
  };
  for (const [series, value] of inOrder({ ...counts, ...levels })) {
    add(series, (name, labels) => [sample(name, labels, value)]);
  }
  for (const [series, classes] of inOrder(durations)) {
    add(series, (name, labels) => histogram(name, labels, classes));
  }
  const text = [...families].flatMap(([name, { kind, help }]) => {
    const samples = lines.get(name) ?? [];
    return [`# HELP ${PREFIX}${name} ${help}`, `# TYPE ${PREFIX}${name} ${kind}`, ...samples];
  });
  return `${text.join('\n')}\n`;
}

/** `name{a="b"}` gives its name, and `a="b"`. */
export function splitSeries(series: string): { readonly name: string; readonly labels: string } {
  const brace = series.indexOf('{');
  if (brace === -1) return { name: series, labels: '' };
  return { name: series.slice(0, brace), labels: series.slice(brace + 1, -1) };
}

function sample(name: string, labels: string, value: number): string {
  return `${PREFIX}${name}${labels === '' ? '' : `{${labels}}`} ${value}`;
}

/** Each class counts all below its end, as the format wants it. */
function histogram(name: string, labels: string, classes: readonly number[]): string[] {
  const before = labels === '' ? '' : `${labels},`;
  let below = 0;
  const buckets = [...DURATION_BOUNDS, '+Inf'].map((end, place) => {
    below += classes[place] ?? 0;
    return sample(`${name}_bucket`, `${before}le="${end}"`, below);
  });
  const sumSeconds = classes[DURATION_BOUNDS.length + 1] ?? 0;
  return [...buckets, sample(`${name}_sum`, labels, sumSeconds), sample(`${name}_count`, labels, below)];
}

/** The same figures are in the same order each time. */
function inOrder<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1));
}
