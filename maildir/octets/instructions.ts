/**
 * The instructions of WebAssembly that the loops over octets are put together from, and what a module of them is made of
 * (WebAssembly Core Specification section 5). It knows no loop.
 */

export const [BLOCK, LOOP, IF, END, BR, BR_IF] = [0x02, 0x03, 0x04, 0x0b, 0x0c, 0x0d];
export const [GET, SET, TEE] = [0x20, 0x21, 0x22];
export const [I32_LOAD8_U, I32_STORE, I32_STORE8, I32_CONST] = [0x2d, 0x36, 0x3a, 0x41];
export const [I32_EQZ, I32_EQ, I32_NE, I32_LT_U, I32_GT_U, I32_GE_U] = [0x45, 0x46, 0x47, 0x49, 0x4b, 0x4f];
export const [I32_CLZ, I32_CTZ, I32_POPCNT, I32_ADD, I32_SUB] = [0x67, 0x68, 0x69, 0x6a, 0x6b];
export const [I32_AND, I32_OR, I32_XOR, I32_SHL] = [0x71, 0x72, 0x73, 0x74];
/** Those of vectors have a prefix. */
export const [V128_LOAD, V128_STORE, V128_OR, I8X16_SPLAT, I8X16_EQ, I8X16_LE_U, I8X16_BITMASK] = [
  0x00, 0x0b, 0x50, 0x0f, 0x23, 0x2a, 0x64,
].map((instruction) => [0xfd, instruction]) as [number[], number[], number[], number[], number[], number[], number[]];
export const [VOID, I32, V128, ANY_ALIGNMENT] = [0x40, 0x7f, 0x7b, 0];
export const MINUS_ONE = 0x7f;

/** Octets of a vector. */
export const STEP = 16;

/** Adds a number below 64 to a variable. */
export function add(variable: number, count: number): number[] {
  return [GET, variable, I32_CONST, count, I32_ADD, SET, variable];
}

/** Makes a vector of sixteen times the same octet, which is below 64 or 127. */
export function sixteenTimes(octet: number, variable: number): number[] {
  return [I32_CONST, ...(octet < 64 ? [octet] : [octet | 0x80, 0]), ...I8X16_SPLAT, SET, variable];
}

/** A length below 16,384, in seven bits per octet. */
function length(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, value >> 7];
}

/** A section of a module. */
export function section(id: number, content: readonly number[]): number[] {
  return [id, ...length(content.length), ...content];
}

/** A function in the section of code. */
export function functionOf(content: readonly number[]): number[] {
  return [...length(content.length), ...content];
}

/** What every module begins with. */
export const MODULE_HEAD = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** The little that is used of what Node has and its types do not name. */
export interface Platform<Exports> {
  readonly WebAssembly: {
    readonly Module: new (octets: Uint8Array) => object;
    readonly Instance: new (module: object, imports?: object) => { readonly exports: Exports };
    readonly validate: (octets: Uint8Array) => boolean;
  };
}
