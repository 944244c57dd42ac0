/**
 * A short run of the fuzzer, always with the same inputs, and every input that once broke something.
 */
import { test } from 'node:test';
import { keptInputs } from './corpus.js';
import { Mutator, tryInput } from './fuzzer.js';
import { targets } from './targets.js';

/** About half a second for each target. */
const INPUTS = 400;

for (const target of targets) {
  test(`90 what broke it once does not again, nor do ${INPUTS} mutated inputs: ${target.name}`, async () => {
    const mutator = new Mutator(1);
    const inputs = [...keptInputs(target.name), ...target.seeds];
    for (let count = 0; count < INPUTS; count += 1) inputs.push(mutator.mutate(target.seeds));
    for (const octets of inputs) {
      const finding = await tryInput(target, octets);
      if (finding !== undefined) throw finding.error;
    }
  });
}
