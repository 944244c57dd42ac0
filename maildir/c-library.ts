/**
 * The functions of the system's C library that Node has no call for, where they can be had.
 *
 * It is loaded when it is first asked for: small maildirs never need it.
 */
import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';
import type koffi from 'koffi';

/** The C library. */
export interface CLibrary {
  /** A function by its prototype, which must say the same as its type. @throws when there is no such function */
  func<Call>(prototype: string): Call;
  /** The number of the error of the call that has just failed. */
  errno(): number;
  /** The error of the call that has just failed, as Node's own calls throw it. */
  failure(call: string): Error;
}

let library: CLibrary | undefined;
let sought = false;

/** The library; undefined where there is none of this name, or no way to call it. */
export function cLibrary(): CLibrary | undefined {
  if (!sought) library = seekLibrary();
  sought = true;
  return library;
}

function seekLibrary(): CLibrary | undefined {
  try {
    const ffi = createRequire(import.meta.url)('koffi') as typeof koffi;
    const libc = ffi.load('libc.so.6');
    return {
      func: <Call>(prototype: string) => libc.func(prototype) as unknown as Call,
      errno: () => ffi.errno(),
      failure(call) {
        const errno = -ffi.errno();
        const code = getSystemErrorName(errno);
        return Object.assign(new Error(`${code}: ${call}`), { code, errno, syscall: call });
      },
    };
  } catch {
    return undefined;
  }
}
