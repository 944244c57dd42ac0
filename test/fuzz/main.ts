/**
 * `npm run fuzz [-- --seconds N] [--number N]`: replays the kept inputs, then tries mutated ones until the time is up.
 *
 * What breaks a law is kept under test/fuzz/corpus/ and makes the exit status 1. The number printed at the start makes
 * the same inputs again.
 */
import { parseArgs } from 'node:util';
import { keepInput, keptInputs } from './corpus.js';
import { type Finding, Mutator, tryInput } from './fuzzer.js';
import { type FuzzTarget, targets } from './targets.js';

const { values } = parseArgs({ options: { seconds: { type: 'string' }, number: { type: 'string' } } });
const seconds = Number(values.seconds ?? 60);
const number = Number(values.number ?? Date.now() % 2 ** 32);

let found = 0;

function report(finding: Finding | undefined, isNew: boolean): void {
  if (finding === undefined) return;
  found += 1;
  const path = isNew ? keepInput(finding.target, finding.octets) : 'a kept input';
  const text = finding.error instanceof Error ? finding.error.stack : String(finding.error);
  console.error(`${finding.target}: ${path}\n${text}\n`);
}

async function fuzz(target: FuzzTarget, untilMs: number): Promise<number> {
  const mutator = new Mutator(number);
  const before = found;
  let inputs = 0;
  // Many findings of one target are one bug most of the time.
  while (Date.now() < untilMs && found < before + 5) {
    report(await tryInput(target, mutator.mutate(target.seeds)), true);
    inputs += 1;
  }
  return inputs;
}

console.log(`Number ${number}, ${seconds} seconds.`);
for (const target of targets) {
  for (const octets of keptInputs(target.name)) report(await tryInput(target, octets), false);
}
for (const target of targets) {
  const inputs = await fuzz(target, Date.now() + (seconds * 1_000) / targets.length);
  console.log(`${target.name}: ${inputs} inputs.`);
}
console.log(found === 0 ? 'Nothing found.' : `${found} found.`);
process.exitCode = found === 0 ? 0 : 1;
