/** `angarium penalty`: shows and forgets the addresses whose logins failed, of the services that run. */
import { ProgramFailure } from '../runtime/program.js';
import { askServices, type Which } from './who.js';

/** `list`, the same without a word, `clear` or `clear ADDRESS`. */
export async function penalty(words: readonly string[], which: Which): Promise<number> {
  const [verb = 'list', address, ...more] = words;
  const isKnown = verb === 'clear' || (verb === 'list' && address === undefined);
  if (!isKnown || more.length > 0) throw new ProgramFailure('penalty takes list, clear, or clear ADDRESS');
  const command = ['penalty', verb, ...(address === undefined ? [] : [address])].join(' ');
  for (const { service, answer } of await askServices(command, which)) {
    for (const line of answer.split('\n')) process.stdout.write(`${service}: ${line}\n`);
  }
  return 0;
}
