/**
 * QUOTA on the wire: roots, resources, usage and limits (RFC 9208).
 *
 *     * QUOTAROOT INBOX "ROOT"
 *     * QUOTA "ROOT" (STORAGE 10 512 MESSAGE 20 1000)
 *
 * STORAGE counts units of 1,024 octets, rounded up as Courier does it.
 */

import type { Cursor } from './cursor.js';
import { Encoder } from './encoder.js';
import { nameWord, SyntaxFailure } from './failures.js';

const UNIT_OCTETS = 1_024;
/** More digits than these are more than can be counted in octets. */
const LIMIT = /^\d{1,12}$/;

/** Octets and messages: limits, where undefined is none, or what is used. */
interface Amounts {
  readonly octets?: number;
  readonly messages?: number;
}

/** What is used of what. */
export interface UsedAmounts {
  readonly limits: Amounts;
  readonly used: Required<Amounts>;
}

/** The resources that a client may limit; a name that is none of them is kept for the refusal. */
export interface AskedLimits {
  readonly limits: Amounts;
  readonly unknown: readonly string[];
}

/** `setquota-list = "(" [setquota-resource *(SP setquota-resource)] ")"` (RFC 9208 section 7) */
export function parseLimitList(cursor: Cursor): AskedLimits {
  let limits: Amounts = {};
  const unknown: string[] = [];
  cursor.parenthesised(
    () => {
      const name = cursor.atom().toUpperCase();
      cursor.sp();
      const number = cursor.atom();
      if (!LIMIT.test(number)) throw new SyntaxFailure(`${nameWord(number)} is not a limit.`);
      if (name === 'STORAGE') limits = { ...limits, octets: Number(number) * UNIT_OCTETS };
      else if (name === 'MESSAGE') limits = { ...limits, messages: Number(number) };
      else unknown.push(name);
    },
    { most: 100 },
  );
  return { limits, unknown };
}

/** `quotaroot-response`; a mailbox without a quota has no root. */
export function encodeQuotaRoot(mailboxName: Buffer, root: string | undefined): Buffer {
  const line = new Encoder().atom('* QUOTAROOT ').mailbox(mailboxName);
  if (root !== undefined) line.sp().string(root);
  return line.crlf();
}

/** `quota-response`: what is used of each resource that has a limit. */
export function encodeQuota(root: string, usage: UsedAmounts | undefined): Buffer {
  const line = new Encoder().atom('* QUOTA ').string(root).sp();
  return line.list(resources(usage), (resource) => line.atom(resource)).crlf();
}

function resources(usage: UsedAmounts | undefined): string[] {
  if (usage === undefined) return [];
  const { limits, used } = usage;
  const units = (octets: number): number => Math.ceil(octets / UNIT_OCTETS);
  return [
    ...(limits.octets === undefined ? [] : [`STORAGE ${units(used.octets)} ${units(limits.octets)}`]),
    ...(limits.messages === undefined ? [] : [`MESSAGE ${used.messages} ${limits.messages}`]),
  ];
}
