/**
 * QuotaLimits: how much mail a maildir may hold, and the text that says so in `maildirsize`, in authdaemond's answers
 * and on command lines.
 *
 *     10000000S,1000C        octets and messages; either may be missing
 */

/** An amount of mail: what is used, what a change adds, or what it takes away. */
export interface MailAmount {
  readonly octets: number;
  readonly messages: number;
}

/** What a maildir may hold. Undefined is any amount. */
export interface QuotaLimits {
  readonly octets?: number;
  readonly messages?: number;
}

/** From this limit on, Courier divides both sides by 1024 first, to count in 32 bits. */
const COARSE_PERCENT_FROM = 20_000_000;
const KIBI = 1024;

/** No mail. */
export const NOTHING: MailAmount = { octets: 0, messages: 0 };

/** The sum of two amounts. */
export function sum(one: MailAmount, other: MailAmount): MailAmount {
  return { octets: one.octets + other.octets, messages: one.messages + other.messages };
}

/** The difference as it is booked. */
export function negative({ octets, messages }: MailAmount): MailAmount {
  // Not -0, which would be written as such.
  return { octets: 0 - octets, messages: 0 - messages };
}

/** Whether a change adds to neither count. */
export function addsNothing({ octets, messages }: MailAmount): boolean {
  return octets <= 0 && messages <= 0;
}

/** Whether a change is none. */
export function isNothing({ octets, messages }: MailAmount): boolean {
  return octets === 0 && messages === 0;
}

/**
 * Reads `10000000S,1000C` as Courier does: signs and blanks are passed over, a zero is no limit, and parts with other
 * letters do not count. Gives undefined if there is no limit in it.
 */
export function parseLimits(text: string): QuotaLimits | undefined {
  const limits: { octets?: number; messages?: number } = {};
  for (const [, digits = '', letter] of text.matchAll(/(\d+)([^\d,]?)/g)) {
    const number = Number(digits);
    if (number === 0 || !Number.isSafeInteger(number)) continue;
    if (letter === 'S') limits.octets = number;
    else if (letter === 'C') limits.messages = number;
  }
  return limits.octets === undefined && limits.messages === undefined ? undefined : limits;
}

/** Writes limits as parseLimits() reads them. */
export function formatLimits({ octets, messages }: QuotaLimits): string {
  const parts = [octets === undefined ? [] : [`${octets}S`], messages === undefined ? [] : [`${messages}C`]];
  return parts.flat().join(',');
}

/** Whether both say the same. */
export function sameLimits(one: QuotaLimits, other: QuotaLimits): boolean {
  return one.octets === other.octets && one.messages === other.messages;
}

/** Whether so much is more than allowed. */
export function exceeds({ octets, messages }: MailAmount, limits: QuotaLimits): boolean {
  return octets > (limits.octets ?? Infinity) || messages > (limits.messages ?? Infinity);
}

/** How much of the limit that is nearer is used, in whole percent; 100 is the most there is. */
export function percentUsed(used: MailAmount, limits: QuotaLimits): number {
  const parts = [percent(used.octets, limits.octets), percent(used.messages, limits.messages)];
  return Math.min(100, Math.max(...parts));
}

function percent(used: number, limit: number | undefined): number {
  if (limit === undefined) return 0;
  if (used > limit) return 100;
  const unit = limit > COARSE_PERCENT_FROM ? KIBI : 1;
  return Math.floor((Math.floor(used / unit) * 100) / Math.floor(limit / unit));
}
