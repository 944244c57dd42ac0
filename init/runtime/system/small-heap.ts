/**
 * How much memory the heaps of our processes may take for what is garbage already. It knows V8's options, and no process.
 *
 * The young generation grows to three times its limit while something is going on, and does not shrink by itself; with
 * one session each, that would be most of a process. Measured with 200 sessions that idle: 156 KiB each with what stands
 * here, 223 KiB with 4 MiB for every child and Node's own 16 MiB for the others.
 */
import { setFlagsFromString } from 'node:v8';

/** What a child is made for. */
export interface HeapOptions {
  /** The limit of its young generation. */
  readonly semiSpaceMiB: number;
  /** Threads in which V8 compiles what runs often, and helps collecting. Without any, all of it holds up the clients. */
  readonly helperThreads: number;
  /**
   * Keeps the bytecode of what five collections in a row have not run, about a megabyte. Our collections come when nobody
   * wants anything: without it, what was rehearsed would be thrown away then, and the next client would wait for it.
   */
  readonly keepsCode: boolean;
}

/** Options of Node for a child, with the function that activity.ts gives memory back with. */
export function heapOptions({ semiSpaceMiB, helperThreads, keepsCode }: HeapOptions): string[] {
  const options = [`--max-semi-space-size=${semiSpaceMiB}`, `--v8-pool-size=${helperThreads}`, '--expose-gc'];
  return keepsCode ? [...options, '--no-flush-bytecode'] : options;
}

/**
 * Keeps the young generation of this process as small as it began. For those that live long and do little: supervisors
 * and authdaemond, which are started without options.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
