/**
 * The loop that finds the fields of a header, in WebAssembly (see line-machine.ts, whose memory it works on). The rules are
 * those of field-scan.ts, which knows what to do without it.
 *
 *     fields(i, end, bare, to, last):
 *       while i < end and to < last
 *         start = i, before = bare
 *         i += octets before the first that no name has, but not beyond the end;   nameEnd = i
 *         i += blanks;   colon = i
 *         repeat
 *           i = behind the next LF, or the end if there is none before it: then the field ends
 *           if that LF has no CR right before it: bare += 1
 *         as long as i < end, and a blank is there
 *         if nameEnd > start, and colon is before the end, and a colon is there
 *           put start, nameEnd, colon, i, before, bare at `to`, to += 24
 *       put i and bare at 16
 *       return to
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
  I8X16_LE_U,
  I32,
  I32_ADD,
  I32_AND,
  I32_CONST,
  I32_CTZ,
  I32_EQ,
  I32_EQZ,
  I32_GE_U,
  I32_GT_U,
  I32_LOAD8_U,
  I32_LT_U,
  I32_NE,
  I32_OR,
  I32_STORE,
  I32_SUB,
  IF,
  LOOP,
  MODULE_HEAD,
  type Platform,
  SET,
  STEP,
  section,
  sixteenTimes,
  TEE,
  V128,
  V128_LOAD,
  V128_OR,
  VOID,
} from '../../maildir/octets/instructions.js';
import { FREE_OCTETS, loopMemory, MACHINE_OCTETS } from '../../maildir/octets/line-machine.js';

/** Words of one field: start, end of its name, colon, end, and the LFs without CR before its start and its end. */
export const FIELD_WORDS = 6;
const WORD_OCTETS = 4;
const FIELD_OCTETS = FIELD_WORDS * WORD_OCTETS;

/** Fields that are found at once: most headers have fewer. */
const MOST_AT_ONCE = 512;

/** Where the loop puts how far it came. */
const STOPPED_AT = 16;
const TABLE = FREE_OCTETS.start;
const TABLE_END = TABLE + MOST_AT_ONCE * FIELD_OCTETS;

/** A header that is read into it is not copied. There is one buffer: for work that waits for nothing. */
const HEADER_BUFFER_OCTETS = 8_192;
const HEADER = TABLE_END + 64;
export const headerBuffer = loopMemory.octets.subarray(HEADER, HEADER + HEADER_BUFFER_OCTETS);

/** Where headers are copied to that lie elsewhere; a few octets behind them are read. */
const IN = 64;

const [TAB, LF, CR, SPACE, COLON, DELETE] = [0x09, 0x0a, 0x0d, 0x20, 0x3a, 0x7f];

function fieldsBody(): number[] {
  const [I, STOP, BARE, TO, LAST] = [0, 1, 2, 3, 4];
  const [START, NAME_END, FIELD_COLON, BEFORE, FOUND, OCTETS] = [5, 6, 7, 8, 9, 10];
  const [SPACES, DELETES, COLONS, LFS] = [11, 12, 13, 14];
  const octetAt = (offset: number) => [
    ...(offset < 0 ? [GET, I, I32_CONST, 1, I32_SUB] : [GET, I]),
    ...[I32_LOAD8_U, ANY_ALIGNMENT, 0],
  ];
  const isBlank = [...octetAt(0), TEE, FOUND, I32_CONST, SPACE, I32_EQ, GET, FOUND, I32_CONST, TAB, I32_EQ, I32_OR];
  const load = [GET, I, ...V128_LOAD, ANY_ALIGNMENT, 0];
  const skipFound = [GET, I, GET, FOUND, I32_CTZ, I32_ADD, SET, I];
  const stopAtEnd = [GET, I, GET, STOP, I32_GE_U, BR_IF, 1];
  const name = [
    ...[BLOCK, VOID, LOOP, VOID],
    ...[...load, TEE, OCTETS, GET, SPACES, ...I8X16_LE_U, GET, OCTETS, GET, DELETES, ...I8X16_EQ, ...V128_OR],
    ...[GET, OCTETS, GET, COLONS, ...I8X16_EQ, ...V128_OR, ...I8X16_BITMASK, TEE, FOUND],
    ...[IF, VOID, ...skipFound, BR, 2, END, ...add(I, STEP)],
    ...[...stopAtEnd, BR, 0, END, END],
    ...[GET, I, GET, STOP, I32_GT_U, IF, VOID, GET, STOP, SET, I, END, GET, I, SET, NAME_END],
  ];
  const blanks = [
    ...[BLOCK, VOID, LOOP, VOID, ...stopAtEnd, ...isBlank, I32_EQZ, BR_IF, 1, ...add(I, 1), BR, 0, END, END],
    ...[GET, I, SET, FIELD_COLON],
  ];
  const lines = [
    ...[BLOCK, VOID, LOOP, VOID],
    ...[LOOP, VOID, GET, I, GET, STOP, I32_GE_U, BR_IF, 2],
    ...[...load, GET, LFS, ...I8X16_EQ, ...I8X16_BITMASK, TEE, FOUND, I32_EQZ],
    ...[IF, VOID, ...add(I, STEP), BR, 1, END, END],
    ...[...skipFound, ...stopAtEnd],
    ...[...octetAt(-1), I32_CONST, CR, I32_NE, GET, I, GET, START, I32_EQ, I32_OR, IF, VOID, ...add(BARE, 1), END],
    ...[...add(I, 1), ...stopAtEnd, ...isBlank, BR_IF, 0, END, END],
    ...[GET, I, GET, STOP, I32_GT_U, IF, VOID, GET, STOP, SET, I, END],
  ];
  const put = (word: number, variable: number) => [
    ...[GET, TO, GET, variable, I32_STORE, ANY_ALIGNMENT, word * WORD_OCTETS],
  ];
  const putField = [
    ...[GET, NAME_END, GET, START, I32_GT_U, GET, FIELD_COLON, GET, STOP, I32_LT_U, I32_AND],
    ...[GET, FIELD_COLON, I32_LOAD8_U, ANY_ALIGNMENT, 0, I32_CONST, COLON, I32_EQ, I32_AND, IF, VOID],
    ...[START, NAME_END, FIELD_COLON, I, BEFORE, BARE].flatMap((variable, word) => put(word, variable)),
    ...[...add(TO, FIELD_OCTETS), END],
  ];
  const putPlace = (place: number, variable: number) => [
    ...[I32_CONST, place, GET, variable, I32_STORE, ANY_ALIGNMENT, 0],
  ];
  return [
    ...[2, 5, I32, 5, V128],
    ...[...sixteenTimes(SPACE, SPACES), ...sixteenTimes(DELETE, DELETES)],
    ...[...sixteenTimes(COLON, COLONS), ...sixteenTimes(LF, LFS)],
    ...[BLOCK, VOID, LOOP, VOID, ...stopAtEnd, GET, TO, GET, LAST, I32_GE_U, BR_IF, 1],
    ...[GET, I, SET, START, GET, BARE, SET, BEFORE],
    ...[...name, ...blanks, ...lines, ...putField],
    ...[BR, 0, END, END],
    ...[...putPlace(STOPPED_AT, I), ...putPlace(STOPPED_AT + WORD_OCTETS, BARE), GET, TO, END],
  ];
}

/** The module: one function, on the memory that it imports. */
function moduleOctets(): Uint8Array {
  return Uint8Array.from([
    ...MODULE_HEAD,
    ...section(1, [1, 0x60, 5, I32, I32, I32, I32, I32, 1, I32]),
    ...section(2, [1, 1, 0x6d, 1, 0x6d, 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 0x66, 0, 0]),
    ...section(10, [1, ...functionOf(fieldsBody())]),
  ]);
}

type FindFields = (start: number, end: number, bareLfs: number, to: number, last: number) => number;

function nativeLoop(): FindFields | undefined {
  const { memory } = loopMemory;
  if (memory === undefined) return undefined;
  const { Module, Instance } = (globalThis as unknown as Platform<{ readonly f: FindFields }>).WebAssembly;
  return new Instance(new Module(moduleOctets()), { m: { m: memory } }).exports.f;
}

const { octets: all } = loopMemory;
const loop = nativeLoop();
const stopped = new Uint32Array(all.buffer, all.byteOffset + STOPPED_AT, 2);

/** The fields that were found last: FIELD_WORDS each, as places in the memory. */
export const fieldTable = new Uint32Array(all.buffer, all.byteOffset + TABLE, MOST_AT_ONCE * FIELD_WORDS);

/** What was found. */
export interface FoundFields {
  /** Words of the table that are filled. */
  words: number;
  /** What the places in the table are counted from. */
  origin: number;
  /** How far it came, counted as the caller does, and the LFs without CR before that. */
  at: number;
  bareLfs: number;
}

/**
 * Finds fields between `found.at` and `end`, and goes on with `found` from there. False, and nothing done, without the loop
 * and for a header too long for it.
 */
export function findFields(octets: Buffer, end: number, found: FoundFields): boolean {
  if (loop === undefined) return false;
  const start = found.at;
  if (octets.buffer === all.buffer) found.origin = octets.byteOffset - all.byteOffset;
  else if (end - start <= MACHINE_OCTETS) {
    octets.copy(all, IN, start, end);
    found.origin = IN - start;
  } else return false;
  const { origin } = found;
  const to = loop(origin + start, origin + end, found.bareLfs, TABLE, TABLE_END);
  found.words = (to - TABLE) / WORD_OCTETS;
  found.at = (stopped[0] ?? 0) - origin;
  found.bareLfs = stopped[1] ?? 0;
  return true;
}
