/**
 * What a run leaves behind: a report in Markdown, a short one for the README, all samples as JSON, and the picture.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { BenchSizes, Fault, Sample } from './bench.js';
import type { GrowthPoint } from './growth.js';
import { drawPicture } from './picture.js';
import { originalCheckout } from './private-checkout.js';
import { rows, withSizes } from './rows.js';
import {
  besideLines,
  comparedTable,
  cpuTable,
  crowdTable,
  fairnessTable,
  floorTable,
  Results,
  verdict,
} from './table.js';

/** Everything that was measured in one run. */
export interface Run {
  readonly started: Date;
  readonly seconds: number;
  /** The part of the processor time wanted by anybody that a virtual machine's host gave to others. */
  readonly takenShare: number;
  readonly servers: readonly string[];
  readonly repetitions: number;
  readonly sizes: BenchSizes;
  readonly samples: readonly Sample[];
  readonly faults: readonly Fault[];
  readonly growth: readonly GrowthPoint[];
}

const results = join(originalCheckout, 'test', 'results');
/** The picture of the README. */
const keptPicture = join(originalCheckout, 'test', 'bench', 'cost-by-size.svg');

/** The machine and the versions, in a line. */
function machineLine(): string {
  const packages = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${Version}, ', 'courier-imap', 'dovecot-core']);
  const versions = packages.status === 0 ? packages.stdout.toString() : '';
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB`;
  return `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${memory}, Linux ${release()}, ${versions}Node ${process.version}`;
}

function dateOf(date: Date): string {
  return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
}

/** When, where and how it was measured, and which bars are met. */
function headAndVerdict(run: Run, measured: Results): string[] {
  const { messages } = run.sizes;
  const head =
    `${dateOf(run.started)}; ${machineLine()}. ${messages.toLocaleString('en-US')} messages unless said; ` +
    `${run.repetitions === 1 ? 'one repetition' : `${run.repetitions} repetitions in turn`}; median (best). ` +
    'Each server had been in use for some seconds, and had done the like on small mailboxes, before. ' +
    `The host took ${(run.takenShare * 100).toFixed(1)} % of the processor time for others.`;
  return [head, listed(verdict(measured))];
}

function listed(lines: readonly string[]): string {
  return lines.map((line) => `* ${line}`).join('\n');
}

function joined(sections: readonly string[]): string {
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

/** What the README shows: the comparison, and how long others wait. */
function summary(run: Run): string {
  const measured = new Results(run.samples, run.servers, run.sizes);
  return joined([...headAndVerdict(run, measured), comparedTable(measured), fairnessTable(measured)]);
}

/** The whole report: tables, verdict, meanings. */
export function report(run: Run): string {
  const measured = new Results(run.samples, run.servers, run.sizes);
  const meanings = rows.flatMap(({ key, title, meaning }) => {
    const shown = meaning !== undefined && run.servers.some((server) => measured.of(key, server).length > 0);
    return shown ? [withSizes(`${title}: ${meaning}`, run.sizes)] : [];
  });
  const faults = run.faults.map(({ server, what }) => `${server}: ${what}`);
  return joined([
    ...headAndVerdict(run, measured),
    comparedTable(measured),
    listed(meanings),
    listed(besideLines(measured)),
    fairnessTable(measured),
    crowdTable(measured),
    floorTable(measured),
    cpuTable(measured),
    faults.length === 0 ? '' : `Wrong or missing answers:\n\n${listed(faults)}`,
  ]);
}

/** Writes test/results/. @returns the files written. */
export function writeResults(run: Run): string[] {
  mkdirSync(results, { recursive: true });
  const written = [join(results, 'bench.md'), join(results, 'bench.json')];
  writeFileSync(join(results, 'bench.md'), report(run));
  writeFileSync(join(results, 'bench.json'), `${JSON.stringify({ machine: machineLine(), ...run }, undefined, 1)}\n`);
  if (run.growth.length === 0) return written;
  const picture = join(results, 'cost-by-size.svg');
  const caption = `Milliseconds at the client, best of three; ${dateOf(run.started)}, ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}`;
  writeFileSync(picture, drawPicture(run.growth, caption));
  return [...written, picture];
}

const BEGIN = '<!-- npm run bench -- --readme writes what follows -->';
const END = '<!-- until here -->';

/** Puts a text between the two marks of a file. */
function putInto(file: string, contents: string): void {
  const path = join(originalCheckout, file);
  const text = readFileSync(path, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${file} has no place for it: ${BEGIN} … ${END}`);
  writeFileSync(path, `${text.slice(0, begin + BEGIN.length)}\n\n${contents}\n${text.slice(end)}`);
}

/** Puts the comparison into the README, the whole report into the one of this folder, and the picture beside that. */
export function writeReadme(run: Run): void {
  putInto('README.md', summary(run));
  putInto(join('test', 'bench', 'README.md'), report(run));
  if (run.growth.length > 0) copyFileSync(join(results, 'cost-by-size.svg'), keptPicture);
}
