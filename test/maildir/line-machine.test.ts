/** The loops for line ends do the same in WebAssembly and, where the processor is too old for it, in JavaScript. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nativeMachine, plainMachine } from '../../maildir/octets/line-machine.js';

const START = 100;
const OUT = 70_000;

test('both machines walk over the same lines, up to what is wanted', () => {
  const machines = [nativeMachine(), plainMachine()] as const;
  const pieces = fc.array(fc.constantFrom('\n', '\r\n', '-', '--', '\n--', 'x', 'fifteen octets.', 'sixteen octets..'));
  fc.assert(
    fc.property(pieces, fc.boolean(), fc.boolean(), fc.nat(20), (words, toDashes, toBlank, beyond) => {
      const plain = words.join('');
      const octets = Buffer.from(plain, 'latin1');
      const wanted = [...(toDashes ? ['--'] : []), ...(toBlank ? ['\n', '\r\n'] : [])].join('|');
      const found = wanted === '' ? -1 : plain.search(new RegExp(`\n(?=${wanted})`));
      const last = (found < 0 ? plain.lastIndexOf('\n') : found) + 1;
      const results = machines.map((machine) => {
        assert.ok(machine !== undefined);
        machine.octets.fill('x', START, START + octets.length + beyond + 40);
        octets.copy(machine.octets, START);
        machine.walk(START, START + octets.length, toDashes ? -1 : 0, toBlank ? -1 : 0);
        const [at, lines, bare] = new Uint32Array(machine.octets.buffer, machine.octets.byteOffset, 3);
        return [(at ?? 0) - START, lines, bare];
      });
      const walked = plain.slice(0, last);
      const expected = [last, walked.match(/\n/g)?.length ?? 0, walked.match(/(?<!\r)\n/g)?.length ?? 0];
      assert.deepEqual(results, [expected, expected]);
    }),
    { numRuns: 3_000 },
  );
});

test('both machines write and count the same line ends, whatever lies around them', () => {
  const native = nativeMachine();
  assert.ok(native !== undefined, 'this processor has the instructions');
  const machines = [native, plainMachine()] as const;
  const pieces = fc.array(
    fc.constantFrom('\n', '\r\n', '\r', 'x', '\n\n\n', 'fifteen octets.', 'sixteen octets..', '\0\xff'),
  );
  fc.assert(
    fc.property(pieces, fc.constantFrom(0, 10, 13), fc.nat(20), (words, before, beyond) => {
      const octets = Buffer.from(words.join(''), 'latin1');
      const results = machines.map((machine) => {
        // What lies behind the end is no part of it.
        machine.octets.fill('\r\n', START, START + octets.length + beyond);
        machine.octets[START - 1] = before;
        octets.copy(machine.octets, START);
        const end = machine.expand(START, START + octets.length, OUT);
        const count = machine.count(START, START + octets.length);
        return { written: machine.octets.toString('latin1', OUT, end), count };
      });
      const plain = octets.toString('latin1');
      const expected = (before === 13 ? `\r${plain}` : plain)
        .replace(/(?<!\r)\n/g, '\r\n')
        .slice(before === 13 ? 1 : 0);
      assert.deepEqual(results[0], { written: expected, count: expected.length - plain.length });
      assert.deepEqual(results[1], results[0]);
    }),
    { numRuns: 2_000 },
  );
});
