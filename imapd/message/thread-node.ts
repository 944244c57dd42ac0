/**
 * Trees of messages as THREAD answers them, and how they are written (RFC 5256 section 4). Nothing recurses: a chain of
 * replies may be as long as a mailbox.
 */

import { ELEMENTS_PER_STEP, finish } from './steps.js';

/** A message in a thread, or a place for one that is not there. */
export interface ThreadNode {
  /** Sequence number or UID; undefined for a message that is not there. */
  readonly number: number | undefined;
  readonly children: readonly ThreadNode[];
}

/** `* THREAD (2)(3 6 (4 23)(44 7 96))`; without threads just the name. */
export function encodeThread(threads: readonly ThreadNode[]): Buffer {
  return finish(encodeThreadInSteps(threads));
}

/** The same in steps. */
export function* encodeThreadInSteps(threads: readonly ThreadNode[]): Generator<void, Buffer, void> {
  const written: string[] = ['* THREAD'];
  if (threads.length > 0) written.push(' ');
  const waiting: (string | ThreadNode)[] = [];
  let count = 0;
  for (const thread of threads) {
    written.push('(');
    waiting.push(')', thread);
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      count += 1;
      if (count % ELEMENTS_PER_STEP === 0) yield;
      if (typeof next === 'string') written.push(next);
      else writeNode(next, written, waiting);
    }
  }
  written.push('\r\n');
  return Buffer.from(written.join(''), 'latin1');
}

/** `thread-members = nz-number *(SP nz-number) [SP thread-nested]`; what comes later waits on the stack. */
function writeNode({ number, children }: ThreadNode, written: string[], waiting: (string | ThreadNode)[]): void {
  if (number !== undefined) written.push(String(number));
  if (number !== undefined && children.length > 0) written.push(' ');
  const [only] = children;
  if (children.length === 1 && only !== undefined) {
    waiting.push(only);
    return;
  }
  for (let index = children.length - 1; index >= 0; index -= 1) {
    const child = children[index];
    if (child !== undefined) waiting.push(')', child, '(');
  }
}
