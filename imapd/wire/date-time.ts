/**
 * IMAP's own dates: `"17-Jul-1996 02:44:25 -0700"` and `17-Jul-1996`. Dates of messages are in `message/dates.ts`.
 */

const monthNames = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A day of the calendar, without a zone. `month` counts from 1. */
export interface CalendarDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** A moment (milliseconds since 1970, UTC) and the zone it was written in (minutes east of UTC). */
export interface DateTime {
  readonly ms: number;
  readonly zoneMinutes: number;
}

/** Reads `d-Mon-yyyy`; undefined when it is no day that exists. */
export function parseDate(text: string): CalendarDate | undefined {
  const match = /^ ?(\d{1,2})-([A-Za-z]{3})-(\d{4})$/.exec(text);
  if (match === null) return undefined;
  const day = Number(match[1]);
  const month = monthNumber(match[2] ?? '');
  const year = Number(match[3]);
  return day >= 1 && month >= 1 && day <= daysIn(year, month) ? { year, month, day } : undefined;
}

/** Reads `dd-Mon-yyyy hh:mm:ss +zzzz`; undefined when it is no moment that exists. A leap second counts as the next. */
export function parseDateTime(text: string): DateTime | undefined {
  const match = /^(.{10,11}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/.exec(text);
  if (match === null) return undefined;
  const date = parseDate(match[1] ?? '');
  const [hours, minutes, seconds] = [Number(match[2]), Number(match[3]), Number(match[4])];
  const zoneOfMinutes = Number(match[7]);
  if (date === undefined || hours > 23 || minutes > 59 || seconds > 60 || zoneOfMinutes > 59) return undefined;
  const zoneMinutes = (match[5] === '-' ? -1 : 1) * (Number(match[6]) * 60 + zoneOfMinutes) || 0;
  const ms = (dayNumber(date) * 86_400 + hours * 3_600 + minutes * 60 + seconds - zoneMinutes * 60) * 1_000;
  return { ms, zoneMinutes };
}

/** Writes a moment as `dd-Mon-yyyy hh:mm:ss +zzzz`, without the quotes; years outside 0 to 9999 become the nearest. */
export function formatDateTime({ ms, zoneMinutes }: DateTime): string {
  const local = new Date(Math.min(Math.max(ms + zoneMinutes * 60_000, YEAR_0_MS), YEAR_9999_MS));
  const zone = Math.abs(zoneMinutes);
  const sign = zoneMinutes < 0 ? '-' : '+';
  const date = `${two(local.getUTCDate())}-${monthNames[local.getUTCMonth()]}-${four(local.getUTCFullYear())}`;
  const time = `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}`;
  return `${date} ${time} ${sign}${two(Math.floor(zone / 60))}${two(zone % 60)}`;
}

/** Writes a day as `d-Mon-yyyy`. */
export function formatDate({ year, month, day }: CalendarDate): string {
  return `${day}-${monthNames[month - 1]}-${four(year)}`;
}

/** Days from 1 January 1970 to this one. */
export function dayNumber({ year, month, day }: CalendarDate): number {
  // Date.UTC takes years 0 to 99 for 1900 to 1999, so the year is set by itself.
  return new Date(Date.UTC(2000, 0, 1)).setUTCFullYear(year, month - 1, day) / 86_400_000;
}

const YEAR_0_MS = -62_167_219_200_000;
const YEAR_9999_MS = 253_402_300_799_000;

function monthNumber(name: string): number {
  const wanted = name.toLowerCase();
  return monthNames.findIndex((month) => month.toLowerCase() === wanted) + 1;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}

function four(number: number): string {
  return String(number).padStart(4, '0');
}
