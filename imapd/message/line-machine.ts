/**
 * The loop that puts CRs before LFs, in WebAssembly: eight octets at a time, with none of the checks that JavaScript makes
 * at each octet, which is several times faster. It is put together here from its instructions, so that there is nothing
 * to build, and runs wherever Node does.
 *
 *     expand(i, end, o):
 *       while i < end
 *         copy 8 octets from i to o             a little too many do no harm: what follows is written over them
 *         if no LF is among them: i += 8, o += 8, again
 *         i and o += octets before the first LF
 *         if i >= end: stop
 *         if the octet before i is no CR: write CR
 *         write LF, i += 1
 *       return o - (i - end)                    where the output ends
 */

/** Octets of one call. In and out together stay in the processor's cache. */
export const MACHINE_OCTETS = 64 * 1024;

/** Where the input begins. The octet before it belongs to it, and a few behind its end are read. */
const IN = 64;
/** Where the output begins. It is twice as long at most, and a few octets behind its end are written. */
const OUT = IN + MACHINE_OCTETS + 64;
const PAGES = 4;

// Instructions (WebAssembly Core Specification section 5.4).
const [BLOCK, LOOP, IF, END, BR, BR_IF] = [0x02, 0x03, 0x04, 0x0b, 0x0c, 0x0d];
const [GET, SET, TEE] = [0x20, 0x21, 0x22];
const [I64_LOAD, I32_LOAD8_U, I64_STORE, I32_STORE8] = [0x29, 0x2d, 0x37, 0x3a];
const [I32_CONST, I64_CONST] = [0x41, 0x42];
const [I32_NE, I32_GE_U, I64_EQZ] = [0x47, 0x4f, 0x50];
const [I32_ADD, I32_SUB] = [0x6a, 0x6b];
const [I64_CTZ, I64_SUB, I64_AND, I64_XOR, I64_SHR_U, I32_WRAP] = [0x7a, 0x7d, 0x83, 0x85, 0x88, 0xa7];
const [VOID, I32, I64, ANY_ALIGNMENT] = [0x40, 0x7f, 0x7e, 0];

// Parameters and variables.
const [I, STOP, O, LFS, WORD, BEFORE] = [0, 1, 2, 3, 4, 5];

/** Eight times the same octet, as a signed number of seven bits per octet (LEB128). */
function eightTimes(octet: number): number[] {
  let rest = BigInt.asIntN(64, BigInt(octet) * 0x0101_0101_0101_0101n);
  const written: number[] = [];
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const isLast = (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40);
    written.push(isLast ? low : low | 0x80);
    if (isLast) return written;
  }
}

function add(variable: number, count: number): number[] {
  return [GET, variable, I32_CONST, count, I32_ADD, SET, variable];
}

function writeOctet(octet: number): number[] {
  return [GET, O, I32_CONST, octet, I32_STORE8, ANY_ALIGNMENT, 0, ...add(O, 1)];
}

const stopAtEnd = [GET, I, GET, STOP, I32_GE_U, BR_IF, 1];

const body = [
  ...[2, 2, I64, 1, I32],
  ...[BLOCK, VOID, LOOP, VOID],
  ...stopAtEnd,
  ...[GET, O, GET, I, I64_LOAD, ANY_ALIGNMENT, 0, TEE, WORD, I64_STORE, ANY_ALIGNMENT, 0],
  // The highest bit of the first octet that is LF is the lowest that is set: (w - 1) & ~w & 0x80, octet by octet.
  ...[GET, WORD, I64_CONST, ...eightTimes(0x0a), I64_XOR, TEE, WORD, I64_CONST, ...eightTimes(1), I64_SUB],
  ...[GET, WORD, I64_CONST, 0x7f, I64_XOR, I64_AND, I64_CONST, ...eightTimes(0x80), I64_AND, TEE, LFS],
  ...[I64_EQZ, IF, VOID, ...add(I, 8), ...add(O, 8), BR, 1, END],
  ...[GET, LFS, I64_CTZ, I64_CONST, 3, I64_SHR_U, I32_WRAP, TEE, BEFORE, GET, I, I32_ADD, SET, I],
  ...[GET, O, GET, BEFORE, I32_ADD, SET, O],
  ...stopAtEnd,
  ...[GET, I, I32_CONST, 1, I32_SUB, I32_LOAD8_U, ANY_ALIGNMENT, 0, I32_CONST, 0x0d, I32_NE],
  ...[IF, VOID, ...writeOctet(0x0d), END],
  ...writeOctet(0x0a),
  ...[...add(I, 1), BR, 0, END, END],
  ...[GET, O, GET, I, GET, STOP, I32_SUB, I32_SUB, END],
];

/** A length below 16,384, in seven bits per octet. */
function length(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, value >> 7];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...length(content.length), ...content];
}

const code = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [1, 0x60, 3, I32, I32, I32, 1, I32]),
  ...section(3, [1, 0]),
  ...section(5, [1, 0, PAGES]),
  ...section(7, [2, 1, 0x6d, 2, 0, 1, 0x65, 0, 0]),
  ...section(10, [1, ...length(body.length), ...body]),
]);

/** What the machine shows: its memory, and the loop. */
interface Machine {
  readonly m: { readonly buffer: ArrayBuffer };
  readonly e: (start: number, end: number, out: number) => number;
}

/** The little that is used of what Node has and its types do not name. */
interface Platform {
  readonly WebAssembly: {
    readonly Module: new (octets: Uint8Array) => object;
    readonly Instance: new (module: object) => { readonly exports: Machine };
  };
}

const { Module, Instance } = (globalThis as unknown as Platform).WebAssembly;
const { m: memory, e: expand } = new Instance(new Module(code)).exports;
const octetsOfMachine = Buffer.from(memory.buffer);

/** What `expandLines` wrote last, from its start. */
export const expandedLines = octetsOfMachine.subarray(OUT);

/**
 * Writes octets with a CR before each LF that has none into `expandedLines`; gives how many those are.
 *
 * @param end at most MACHINE_OCTETS behind `start`
 * @param before the octet before `start`
 */
export function expandLines(octets: Buffer, start: number, end: number, before: number): number {
  octetsOfMachine[IN - 1] = before;
  octets.copy(octetsOfMachine, IN, start, end);
  return expand(IN, IN + end - start, OUT) - OUT;
}
