/**
 * Dates of messages: `Tue, 1 Jul 2003 10:52:37 +0200 (CEST)` (RFC 5322 section 3.3), and what programs write instead.
 */

/** A moment in milliseconds since 1970 UTC, and the zone it was written in, in minutes east of UTC. */
export interface MessageDate {
  readonly ms: number;
  readonly zoneMinutes: number;
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Zones of RFC 5322 section 4.3 with a meaning; all other letters mean UTC. */
const zones = new Map([
  ['edt', -240],
  ['est', -300],
  ['cdt', -300],
  ['cst', -360],
  ['mdt', -360],
  ['mst', -420],
  ['pdt', -420],
  ['pst', -480],
]);

/** The part of a field that can hold a date. */
const MAX_DATE_LENGTH = 200;

/**
 * Reads a date: the weekday may be missing or wrong, seconds, time and zone may be missing, years may have two digits.
 *
 * Undefined when there is no day that exists. Hours beyond the clock make the day count without a time.
 */
export function parseMessageDate(value: string): MessageDate | undefined {
  const usual = usualDate.exec(value);
  if (usual !== null) return fromUsual(usual) ?? parseOtherDate(value);
  return parseOtherDate(value);
}

/** As nearly all programs write it: day, month, year, hours, minutes, seconds, sign of the zone, its hours, its minutes. */
const usualDate =
  /^(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)(?: \([A-Z]*\))?$/;

/** Undefined when something in it does not exist. */
function fromUsual(parts: RegExpExecArray): MessageDate | undefined {
  const day = Number(parts[1]);
  const month = months.indexOf((parts[2] ?? '').toLowerCase());
  const [hours, minutes, seconds] = [Number(parts[4]), Number(parts[5]), Number(parts[6])];
  const zoneMinutes = Number(parts[8]) * 60 + Number(parts[9]);
  if (month === -1 || day < 1 || day > 28 || hours > 23 || minutes > 59 || seconds > 59) return undefined;
  const year = Number(parts[3]);
  if (year < 1_000 || zoneMinutes > 1_439) return undefined;
  const local = Date.UTC(year, month, day, hours, minutes, seconds);
  const east = parts[7] === '-' ? -zoneMinutes : zoneMinutes;
  return { ms: local - east * 60_000, zoneMinutes: east || 0 };
}

function parseOtherDate(value: string): MessageDate | undefined {
  const text = value.slice(0, MAX_DATE_LENGTH).replace(/\([^()]*\)/g, ' ');
  const day = /(?:^|[\s,])(\d{1,2})[\s-]+([A-Za-z]{3})[A-Za-z]*\.?[\s,-]+(\d{2,4})(?!\d)/.exec(text);
  const dayNumber = day === null ? undefined : dayOf(day[3] ?? '', day[2] ?? '', Number(day[1]));
  if (day === null || dayNumber === undefined) return parseAsctime(text);
  return withTime(dayNumber, text.slice(day.index + day[0].length));
}

/** `Tue Jul  1 10:52:37 2003`, as C's asctime writes it. */
function parseAsctime(text: string): MessageDate | undefined {
  const match =
    /(?:^|\s)([A-Za-z]{3})\s+(\d{1,2})\s+(\d{1,2}:\d{2}(?::\d{2})?)(?:\s+([A-Za-z]{3,4}|[+-]\d{4}))?\s+(\d{4})/.exec(
      text,
    );
  if (match === null) return undefined;
  const dayNumber = dayOf(match[5] ?? '', match[1] ?? '', Number(match[2]));
  return dayNumber === undefined ? undefined : withTime(dayNumber, ` ${match[3]} ${match[4] ?? ''}`);
}

function withTime(dayNumber: number, text: string): MessageDate {
  const time = /^\s*(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?/.exec(text);
  const [hours, minutes, seconds] = [Number(time?.[1] ?? 0), Number(time?.[2] ?? 0), Number(time?.[3] ?? 0)];
  const zoneMinutes = time === null ? 0 : zoneIn(text.slice(time[0].length));
  const isTime = hours < 24 && minutes < 60 && seconds < 61;
  const secondsOfDay = isTime ? hours * 3_600 + minutes * 60 + seconds : 0;
  return { ms: (dayNumber * 86_400 + secondsOfDay - zoneMinutes * 60) * 1_000, zoneMinutes };
}

function zoneIn(text: string): number {
  const match = /^(?:\.\d+)?\s*(?:([+-])(\d{2}):?(\d{2})|([A-Za-z]{1,5}))/.exec(text);
  if (match === null) return 0;
  if (match[1] === undefined) return zones.get((match[4] ?? '').toLowerCase()) ?? 0;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  // No place on earth is more than 14 hours away; more than a day would move the date by more than one.
  return minutes > 1_439 ? 0 : (match[1] === '-' ? -minutes : minutes) || 0;
}

/** Days since 1970; undefined when there is no such day. Two digits: RFC 5322 section 4.3. */
function dayOf(yearText: string, monthText: string, day: number): number | undefined {
  const month = months.indexOf(monthText.toLowerCase());
  const written = Number(yearText);
  const year =
    yearText.length === 2 ? written + (written < 50 ? 2000 : 1900) : written + (yearText.length === 3 ? 1900 : 0);
  if (month === -1 || day < 1 || year < 1) return undefined;
  const date = new Date(Date.UTC(2000, month, 1));
  date.setUTCFullYear(year, month, day);
  return date.getUTCMonth() === month ? date.getTime() / 86_400_000 : undefined;
}

/** The calendar day on which a message was written, where it was written: days since 1970. */
export function writtenDay({ ms, zoneMinutes }: MessageDate): number {
  return Math.floor((ms + zoneMinutes * 60_000) / 86_400_000);
}
