/**
 * The loops that put CRs before LFs, that count where some are missing, and that walk over the lines of a body, in
 * WebAssembly: sixteen octets at a time, with none of the checks that JavaScript makes at each octet, which is many times
 * faster. They are put together here from their instructions, so that there is nothing to build.
 *
 *     expand(i, end, o):
 *       while i < end
 *         copy 16 octets from i to o            a little too many do no harm: what follows is written over them
 *         if no LF is among them: i += 16, o += 16, again
 *         i and o += octets before the first LF
 *         if i >= end: stop
 *         if the octet before i is no CR: write CR
 *         write LF, i += 1
 *       return o - (i - end)                    where the output ends
 *
 *     count(i, end):
 *       while i < end
 *         bare = where an LF is, among 16 octets from i, with no CR right before it
 *         forget those of end and beyond
 *         count += bits of bare, i += 16
 *       return count
 *
 *     walk(i, end, dashes, blanks):             dashes, blanks: all bits, or none
 *       while i < end
 *         lfs = where an LF is, among 16 octets from i; forget those of end and beyond
 *         found = those with two dashes behind, or with a blank line, as far as that is wanted
 *         if there are some: forget the LFs behind the first of them
 *         lines += bits of lfs, bare += bits of lfs with no CR right before, last = behind the last of them
 *         if some were found: stop
 *         i += 16
 *       put last, lines and bare at the beginning of the memory
 *
 * Processors from before 2008, which some virtual machines pretend to be, lack the instructions for it; there, the same
 * is done in JavaScript.
 */

import {
  ANY_ALIGNMENT,
  add,
  BLOCK,
  BR,
  BR_IF,
  END,
  functionOf,
  GET,
  I8X16_BITMASK,
  I8X16_EQ,
  I32,
  I32_ADD,
  I32_AND,
  I32_CLZ,
  I32_CONST,
  I32_CTZ,
  I32_EQZ,
  I32_GE_U,
  I32_LOAD8_U,
  I32_LT_U,
  I32_NE,
  I32_OR,
  I32_POPCNT,
  I32_SHL,
  I32_STORE,
  I32_STORE8,
  I32_SUB,
  I32_XOR,
  IF,
  LOOP,
  MINUS_ONE,
  MODULE_HEAD,
  type Platform,
  SET,
  STEP,
  section,
  sixteenTimes,
  TEE,
  V128,
  V128_LOAD,
  V128_STORE,
  VOID,
} from './instructions.js';

/** Octets of one call. In and out together stay in the processor's cache. */
export const MACHINE_OCTETS = 64 * 1024;

/** What is read into the memory of the loops need not be copied there. Most messages fit. */
export const LINE_BUFFER_OCTETS = 256 * 1024;

/** Where the input begins. The octet before it belongs to it, and a few behind its end are read. */
const IN = 64;
/** Where the output begins. It is twice as long at most, and a few octets behind its end are written. */
const OUT = IN + MACHINE_OCTETS + 64;
const PAGE_OCTETS = 65_536;
/** Where messages are read to; a few octets before and behind them are read, too. */
const BUFFER = 4 * PAGE_OCTETS + 64;
const PAGES = 9;

/** Room behind the messages, for those who bring loops of their own (see imapd/message/field-machine.ts). */
export const FREE_OCTETS = { start: BUFFER + LINE_BUFFER_OCTETS + 64, end: PAGES * PAGE_OCTETS } as const;

const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;

/** The first two variables of both functions. */
const [I, STOP] = [0, 1];
const stopAtEnd = [GET, I, GET, STOP, I32_GE_U, BR_IF, 1];

function expandBody(): number[] {
  const [O, LFS_WANTED, OCTETS, LFS] = [2, 3, 4, 5];
  const write = (octet: number) => [GET, O, I32_CONST, octet, I32_STORE8, ANY_ALIGNMENT, 0, ...add(O, 1)];
  return [
    ...[2, 2, V128, 1, I32],
    ...sixteenTimes(LF, LFS_WANTED),
    ...[BLOCK, VOID, LOOP, VOID],
    ...stopAtEnd,
    ...[GET, O, GET, I, ...V128_LOAD, ANY_ALIGNMENT, 0, TEE, OCTETS, ...V128_STORE, ANY_ALIGNMENT, 0],
    ...[GET, OCTETS, GET, LFS_WANTED, ...I8X16_EQ, ...I8X16_BITMASK, TEE, LFS],
    ...[I32_EQZ, IF, VOID, ...add(I, STEP), ...add(O, STEP), BR, 1, END],
    ...[GET, LFS, I32_CTZ, TEE, LFS, GET, I, I32_ADD, SET, I],
    ...[GET, O, GET, LFS, I32_ADD, SET, O],
    ...stopAtEnd,
    ...[GET, I, I32_CONST, 1, I32_SUB, I32_LOAD8_U, ANY_ALIGNMENT, 0, I32_CONST, CR, I32_NE],
    ...[IF, VOID, ...write(CR), END],
    ...write(LF),
    ...[...add(I, 1), BR, 0, END, END],
    ...[GET, O, GET, I, GET, STOP, I32_SUB, I32_SUB, END],
  ];
}

function countBody(): number[] {
  const [COUNT, BARE, LFS_WANTED, CRS_WANTED] = [2, 3, 4, 5];
  const left = [GET, STOP, GET, I, I32_SUB];
  return [
    ...[2, 2, I32, 2, V128],
    ...sixteenTimes(LF, LFS_WANTED),
    ...sixteenTimes(CR, CRS_WANTED),
    ...[BLOCK, VOID, LOOP, VOID],
    ...stopAtEnd,
    ...[GET, I, ...V128_LOAD, ANY_ALIGNMENT, 0, GET, LFS_WANTED, ...I8X16_EQ, ...I8X16_BITMASK],
    ...[GET, I, I32_CONST, 1, I32_SUB, ...V128_LOAD, ANY_ALIGNMENT, 0, GET, CRS_WANTED, ...I8X16_EQ, ...I8X16_BITMASK],
    ...[I32_CONST, MINUS_ONE, I32_XOR, I32_AND, SET, BARE],
    ...[...left, I32_CONST, STEP, I32_LT_U, IF, VOID],
    ...[GET, BARE, I32_CONST, 1, ...left, I32_SHL, I32_CONST, 1, I32_SUB, I32_AND, SET, BARE, END],
    ...[GET, COUNT, GET, BARE, I32_POPCNT, I32_ADD, SET, COUNT],
    ...[...add(I, STEP), BR, 0, END, END],
    ...[GET, COUNT, END],
  ];
}

/** Where the octets `offset` from the variable I on are those of a vector. */
function bitsOf(offset: number, wanted: number): number[] {
  const place = offset < 0 ? [GET, I, I32_CONST, 1, I32_SUB] : [GET, I];
  const immediate = [ANY_ALIGNMENT, Math.max(0, offset)];
  return [...place, ...V128_LOAD, ...immediate, GET, wanted, ...I8X16_EQ, ...I8X16_BITMASK];
}

function walkBody(): number[] {
  const [DASHES, BLANKS, LINES, BARE, LAST, LFS, FOUND] = [2, 3, 4, 5, 6, 7, 8];
  const [LFS_WANTED, CRS_WANTED, DASHES_WANTED] = [9, 10, 11];
  const left = [GET, STOP, GET, I, I32_SUB];
  const put = (place: number, variable: number) => [I32_CONST, place, GET, variable, I32_STORE, ANY_ALIGNMENT, 0];
  return [
    ...[2, 5, I32, 3, V128],
    ...sixteenTimes(LF, LFS_WANTED),
    ...sixteenTimes(CR, CRS_WANTED),
    ...sixteenTimes(DASH, DASHES_WANTED),
    ...[GET, I, SET, LAST],
    ...[BLOCK, VOID, LOOP, VOID],
    ...stopAtEnd,
    ...[...bitsOf(0, LFS_WANTED), SET, LFS],
    ...[...left, I32_CONST, STEP, I32_LT_U, IF, VOID],
    ...[GET, LFS, I32_CONST, 1, ...left, I32_SHL, I32_CONST, 1, I32_SUB, I32_AND, SET, LFS, END],
    ...[GET, LFS, I32_EQZ, IF, VOID, ...add(I, STEP), BR, 1, END],
    ...[...bitsOf(1, DASHES_WANTED), ...bitsOf(2, DASHES_WANTED), I32_AND, GET, DASHES, I32_AND],
    ...[...bitsOf(1, CRS_WANTED), ...bitsOf(2, LFS_WANTED), I32_AND, ...bitsOf(1, LFS_WANTED), I32_OR],
    ...[GET, BLANKS, I32_AND, I32_OR, GET, LFS, I32_AND, TEE, FOUND, IF, VOID],
    ...[GET, LFS, GET, FOUND, GET, FOUND, I32_CONST, 1, I32_SUB, I32_XOR, I32_AND, SET, LFS, END],
    ...[GET, LINES, GET, LFS, I32_POPCNT, I32_ADD, SET, LINES],
    ...[GET, BARE, GET, LFS, ...bitsOf(-1, CRS_WANTED), I32_CONST, MINUS_ONE, I32_XOR, I32_AND],
    ...[I32_POPCNT, I32_ADD, SET, BARE],
    ...[GET, I, I32_CONST, 32, I32_ADD, GET, LFS, I32_CLZ, I32_SUB, SET, LAST],
    ...[GET, FOUND, BR_IF, 1],
    ...[...add(I, STEP), BR, 0, END, END],
    ...[...put(0, LAST), ...put(4, LINES), ...put(8, BARE), END],
  ];
}

/** The module: three functions and their memory. */
function moduleOctets(): Uint8Array {
  return Uint8Array.from([
    ...MODULE_HEAD,
    ...section(1, [3, 0x60, 3, I32, I32, I32, 1, I32, 0x60, 2, I32, I32, 1, I32, 0x60, 4, I32, I32, I32, I32, 0]),
    ...section(3, [3, 0, 1, 2]),
    ...section(5, [1, 0, PAGES]),
    ...section(7, [4, 1, 0x6d, 2, 0, 1, 0x65, 0, 0, 1, 0x63, 0, 1, 1, 0x73, 0, 2]),
    ...section(10, [3, ...functionOf(expandBody()), ...functionOf(countBody()), ...functionOf(walkBody())]),
  ]);
}

/** Places are those in `octets`. */
interface Machine {
  readonly octets: Buffer;
  /** What other modules import to work on the same octets; only of a native machine. */
  readonly memory?: LoopMemory;
  expand(start: number, end: number, out: number): number;
  count(start: number, end: number): number;
  /** Puts where it stopped, line ends, and LFs without CR into the first three words. */
  walk(start: number, end: number, dashes: number, blanks: number): void;
}

/** The memory of a module. */
interface LoopMemory {
  readonly buffer: ArrayBuffer;
}

/** What the module shows. */
interface ModuleExports {
  readonly m: LoopMemory;
  readonly e: Machine['expand'];
  readonly c: Machine['count'];
  readonly s: Machine['walk'];
}

/** The machine of this processor; undefined if it lacks the instructions. */
export function nativeMachine(): Machine | undefined {
  const { Module, Instance, validate } = (globalThis as unknown as Platform<ModuleExports>).WebAssembly;
  const octets = moduleOctets();
  if (!validate(octets)) return undefined;
  const { m, e, c, s } = new Instance(new Module(octets)).exports;
  return { octets: Buffer.from(m.buffer), memory: m, expand: e, count: c, walk: s };
}

/** The same in JavaScript. */
export function plainMachine(): Machine {
  const octets = Buffer.alloc(PAGES * PAGE_OCTETS);
  const results = resultsOf(octets);
  return {
    octets,
    expand(start, end, out) {
      let to = out;
      for (let at = start; at < end; at += 1) {
        const octet = octets[at] ?? 0;
        if (octet === LF && octets[at - 1] !== CR) octets[to++] = CR;
        octets[to++] = octet;
      }
      return to;
    },
    count(start, end) {
      let count = 0;
      for (let at = start; at < end; at += 1) if (octets[at] === LF && octets[at - 1] !== CR) count += 1;
      return count;
    },
    walk(start, end, dashes, blanks) {
      results.fill(0);
      results[0] = start;
      for (let lf = octets.indexOf(LF, start); lf !== -1 && lf < end; lf = octets.indexOf(LF, lf + 1)) {
        results[0] = lf + 1;
        results[1] = (results[1] ?? 0) + 1;
        if (octets[lf - 1] !== CR) results[2] = (results[2] ?? 0) + 1;
        if (dashes !== 0 && octets[lf + 1] === DASH && octets[lf + 2] === DASH) return;
        if (blanks !== 0 && (octets[lf + 1] === LF || (octets[lf + 1] === CR && octets[lf + 2] === LF))) return;
      }
    },
  };
}

/** The words that walk() puts what it found into. */
function resultsOf(octets: Buffer): Uint32Array {
  return new Uint32Array(octets.buffer, octets.byteOffset, 3);
}

const machine = nativeMachine() ?? plainMachine();
const memory = machine.octets.buffer;

/** The octets that the loops work on, and where there are native ones, the memory that others import. */
export const loopMemory: Pick<Machine, 'octets' | 'memory'> = machine;
const results = resultsOf(machine.octets);

/** What `expandLines` wrote last, from its start. */
export const expandedLines = machine.octets.subarray(OUT, BUFFER);

/** A buffer of LINE_BUFFER_OCTETS whose octets the loops take where they are. There is one. */
export const lineBuffer = machine.octets.subarray(BUFFER, BUFFER + LINE_BUFFER_OCTETS);

/** Where the loops find octets: in their place if they can be taken there, else a copy of them. */
function placeOf(octets: Buffer, start: number, end: number, before: number): number {
  if (octets.buffer === memory) {
    const place = octets.byteOffset - machine.octets.byteOffset + start;
    if ((machine.octets[place - 1] === CR) === (before === CR)) return place;
  }
  machine.octets[IN - 1] = before;
  octets.copy(machine.octets, IN, start, end);
  return IN;
}

/**
 * Writes octets with a CR before each LF that has none into `expandedLines`; gives how many those are.
 *
 * @param end at most MACHINE_OCTETS behind `start`
 * @param before the octet before `start`
 */
export function expandLines(octets: Buffer, start: number, end: number, before: number): number {
  const place = placeOf(octets, start, end, before);
  return machine.expand(place, place + end - start, OUT) - OUT;
}

/** Counts the LFs without a CR before them; what it is given is as with `expandLines`. */
export function countLinesToExpand(octets: Buffer, start: number, end: number, before: number): number {
  const place = placeOf(octets, start, end, before);
  return machine.count(place, place + end - start);
}

/** Lines that were walked over. */
export interface WalkedLines {
  /** Behind the last of them. */
  at: number;
  lines: number;
  /** Those that end with LF alone. */
  bareLfs: number;
}

/** Which lines are to be walked over. */
export interface LinesToWalk {
  readonly start: number;
  readonly end: number;
  /** Only up to the next line that begins with two dashes. */
  readonly toDashes: boolean;
  /** Only up to the next blank line. */
  readonly toBlank: boolean;
}

/** Walks over the lines that end before `end`. False, and nothing done, for octets outside `lineBuffer`. */
export function walkLines(
  octets: Buffer,
  { start, end, toDashes, toBlank }: LinesToWalk,
  walked: WalkedLines,
): boolean {
  if (octets.buffer !== memory) return false;
  const origin = octets.byteOffset - machine.octets.byteOffset;
  machine.walk(origin + start, origin + end, toDashes ? -1 : 0, toBlank ? -1 : 0);
  walked.at = (results[0] ?? 0) - origin;
  walked.lines = results[1] ?? 0;
  walked.bareLfs = results[2] ?? 0;
  return true;
}
