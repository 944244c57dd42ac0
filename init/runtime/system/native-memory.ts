/**
 * Memory outside V8's heap: what malloc keeps after it was freed goes back to the system. V8's compiler alone leaves some
 * ten megabytes of it behind.
 */
import { createRequire } from 'node:module';
import type koffi from 'koffi';

/** A function that gives back what is free, within a millisecond; undefined where the C library has none. */
export function memoryTrimmer(): (() => void) | undefined {
  try {
    const ffi = createRequire(import.meta.url)('koffi') as typeof koffi;
    const trim = ffi.load('libc.so.6').func('int malloc_trim(size_t keep)');
    return () => void trim(0);
  } catch {
    return undefined;
  }
}
