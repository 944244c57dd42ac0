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

/**
 * Reads the date that lies there in octets, in its usual form: `Tue, 1 Jul 2003 10:52:37 +0200 (CEST)`. Undefined for all
 * others; what it gives is what `parseMessageDate` gives.
 */
export function parseDateOctets(octets: Buffer, start: number, end: number): MessageDate | undefined {
  const day = octets[start + 3] === COMMA && isWeekday(octets, start) ? start + 5 : start;
  const month = octets[day + 1] === SPACE ? day + 2 : day + 3;
  // All that is looked at lies before the end.
  if (month + 23 > end || octets[month - 1] !== SPACE || octets[month + 3] !== SPACE) return undefined;
  const monthNumber = monthAt(octets, month);
  const dayNumber = month - day === 2 ? digitsAt(octets, day, 1) : digitsAt(octets, day, 2);
  const year = digitsAt(octets, month + 4, 4);
  const time = month + 9;
  if (octets[time - 1] !== SPACE || octets[time + 2] !== COLON || octets[time + 5] !== COLON) return undefined;
  const hours = digitsAt(octets, time, 2);
  const minutes = digitsAt(octets, time + 3, 2);
  const seconds = digitsAt(octets, time + 6, 2);
  const sign = octets[time + 9];
  if (octets[time + 8] !== SPACE || (sign !== PLUS && sign !== MINUS)) return undefined;
  const zoneHours = digitsAt(octets, time + 10, 2);
  const zoneRest = digitsAt(octets, time + 12, 2);
  if (!isZoneName(octets, time + 14, end)) return undefined;
  const zone = zoneHours * 60 + zoneRest;
  const isUsual = monthNumber >= 0 && dayNumber >= 1 && year >= 1_000 && zone <= 1_439;
  const isTime = hours >= 0 && hours <= 23 && minutes >= 0 && minutes <= 59 && seconds >= 0 && seconds <= 59;
  if (!isUsual || !isTime || zoneHours < 0 || zoneRest < 0) return undefined;
  if (dayNumber > 28 && dayNumber > daysOf(year, monthNumber)) return undefined;
  const local = Date.UTC(year, monthNumber, dayNumber, hours, minutes, seconds);
  const east = sign === MINUS ? -zone : zone;
  return { ms: local - east * 60_000, zoneMinutes: east || 0 };
}

/** Days of a month, which is counted from 0 on. */
function daysOf(year: number, month: number): number {
  if (month === 1) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 3 || month === 5 || month === 8 || month === 10 ? 30 : 31;
}

/** `Tue, ` without its comma, which was looked at. */
function isWeekday(octets: Buffer, at: number): boolean {
  return isCapital(octets[at]) && isSmall(octets[at + 1]) && isSmall(octets[at + 2]) && octets[at + 4] === SPACE;
}

/** Nothing, or ` (CEST)`. */
function isZoneName(octets: Buffer, start: number, end: number): boolean {
  if (start === end) return true;
  if (end - start < 3 || octets[start] !== SPACE || octets[start + 1] !== LEFT || octets[end - 1] !== RIGHT)
    return false;
  for (let at = start + 2; at < end - 1; at += 1) if (!isCapital(octets[at])) return false;
  return true;
}

/** The number of the month from 0 on; -1 if there is none. */
function monthAt(octets: Buffer, at: number): number {
  if (!isCapital(octets[at])) return -1;
  for (let month = 0; month < monthOctets.length; month += 3) {
    if (((octets[at] ?? 0) | 0x20) !== monthOctets[month]) continue;
    if (octets[at + 1] === monthOctets[month + 1] && octets[at + 2] === monthOctets[month + 2]) return month / 3;
  }
  return -1;
}

const monthOctets = Buffer.from(months.join(''), 'latin1');

/** So many digits as a number; -1 if one of them is none. */
function digitsAt(octets: Buffer, start: number, count: number): number {
  let value = 0;
  for (let at = start; at < start + count; at += 1) {
    const digit = (octets[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function isCapital(octet: number | undefined): boolean {
  return octet !== undefined && octet >= 0x41 && octet <= 0x5a;
}

function isSmall(octet: number | undefined): boolean {
  return octet !== undefined && octet >= 0x61 && octet <= 0x7a;
}

const [SPACE, LEFT, RIGHT, PLUS, COMMA, MINUS, COLON] = [0x20, 0x28, 0x29, 0x2b, 0x2c, 0x2d, 0x3a];

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
