/**
 * How an answer came about: a private part of the protocol, before the answer of a daemon that was asked for it.
 *
 *     ANGARIUM_EXPLAIN=1\n             a metadata line of the request; Courier's daemon ignores it
 *
 *     EXPLAIN 3\n                      so many lines follow, then the usual answer
 *     STEP authuserdb\trejected\t0.4\tunknown account\n
 *     STEP authmysql\taccount\t3.1\t\n
 *     NOTE its home /home/ann does not exist\n
 *
 * Nothing of it is secret: reasons name no password. Pure.
 */
import { octetsFromText, textFromOctets } from './octet-text.js';

/** Metadata name that asks for an explanation. */
export const EXPLAIN = 'ANGARIUM_EXPLAIN';

/** Lines of one explanation: modules of a list, and what stands in the way of a login. */
const MAX_LINES = 200;

/** What one module said, and how long it took, waiting for its turn included (ms). */
export interface ExplainedStep {
  readonly module: string;
  /** `account`, `rejected`, `temporary failure`, `changed`. */
  readonly said: string;
  readonly ms: number;
  readonly reason?: string;
}

/** All that was done for one request. */
export interface Explanation {
  /** In the order in which the modules were asked. */
  readonly steps: readonly ExplainedStep[];
  /** What stands in the way of a login although the answer is yes, and what else should be known. */
  readonly notes: readonly string[];
}

/** What is known of an explanation from the octets so far; `rest` is the usual answer. */
export type ExplanationReading =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'read'; readonly explanation?: Explanation; readonly rest: Buffer };

/** Writes an explanation. */
export function formatExplanation({ steps, notes }: Explanation): Buffer {
  const lines = [
    ...steps.map(({ module, said, ms, reason }) =>
      ['STEP ', [module, said, ms.toFixed(1), reason ?? ''].map(oneField).join('\t')].join(''),
    ),
    ...notes.map((note) => `NOTE ${oneField(note)}`),
  ].slice(0, MAX_LINES);
  return octetsFromText([`EXPLAIN ${lines.length}`, ...lines].map((line) => `${line}\n`).join(''));
}

/** Reads the explanation at the start of an answer; without one, all of it is `rest`. */
export function readExplanation(octets: Buffer): ExplanationReading {
  const word = Buffer.from('EXPLAIN ');
  const length = Math.min(word.length, octets.length);
  if (!octets.subarray(0, length).equals(word.subarray(0, length))) return { kind: 'read', rest: octets };
  const lines: string[] = [];
  let position = 0;
  for (let wanted = 1; lines.length < wanted; ) {
    const end = octets.indexOf(0x0a, position);
    if (end < 0) return { kind: 'incomplete' };
    lines.push(textFromOctets(octets.subarray(position, end)));
    position = end + 1;
    if (lines.length === 1) wanted += Math.min(Number.parseInt(lines[0]?.slice(word.length) ?? '', 10) || 0, MAX_LINES);
  }
  return { kind: 'read', explanation: explanationOf(lines.slice(1)), rest: octets.subarray(position) };
}

function explanationOf(lines: readonly string[]): Explanation {
  const steps: ExplainedStep[] = [];
  const notes: string[] = [];
  for (const line of lines) {
    if (line.startsWith('NOTE ')) notes.push(line.slice(5));
    if (!line.startsWith('STEP ')) continue;
    const [module = '', said = '', ms = '', reason = ''] = line.slice(5).split('\t');
    const step = { module, said, ms: Number.parseFloat(ms) || 0 };
    steps.push(reason === '' ? step : { ...step, reason });
  }
  return { steps, notes };
}

function oneField(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, ' ');
}
