/**
 * INTERNALDATE in the server's own zone, as Courier has it. Days are put into words once, since the calendar and the
 * zone's rules are most of the work.
 */
import type { OctetWriter } from '../message/octet-writer.js';
import { formatDateTime } from '../wire/date-time.js';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** Days in words; some ten years. */
const MAX_DAYS_HELD = 4_096;

/** What is known of a day by its number since 1970, in UTC. */
interface Day {
  /** Minutes east of UTC; undefined when that changes on this day. */
  readonly zoneMinutes: number | undefined;
  /** `17-Jul-1996`, of the day of the same number in the zone. */
  readonly date: string;
  /** ` +0200"` */
  readonly zone: string;
}

const days = new Map<number, Day>();

/** Writes `"17-Jul-1996 02:44:25 -0700"`. @param ms milliseconds since 1970 */
export function writeInternalDate(out: OctetWriter, ms: number): void {
  const { zoneMinutes, zone } = dayOf(Math.floor(ms / DAY_MS));
  if (zoneMinutes === undefined) {
    out.text(`"${formatDateTime({ ms, zoneMinutes: zoneAt(ms) })}"`);
    return;
  }
  const local = ms + zoneMinutes * MINUTE_MS;
  const day = Math.floor(local / DAY_MS);
  const seconds = Math.floor((local - day * DAY_MS) / 1000);
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor(seconds / 60) % 60;
  out.text(dayOf(day).date);
  out.need(8);
  let at = out.length;
  at = twoDigits(out.octets, at, hours, COLON);
  at = twoDigits(out.octets, at, minutes, COLON);
  at = twoDigits(out.octets, at, seconds % 60, 0);
  out.length = at;
  out.text(zone);
}

function twoDigits(octets: Buffer, start: number, value: number, separator: number): number {
  const tens = Math.floor(value / 10);
  octets[start] = 0x30 + tens;
  octets[start + 1] = 0x30 + value - tens * 10;
  if (separator === 0) return start + 2;
  octets[start + 2] = separator;
  return start + 3;
}

function dayOf(number: number): Day {
  const known = days.get(number);
  if (known !== undefined) return known;
  if (days.size >= MAX_DAYS_HELD) days.clear();
  const start = number * DAY_MS;
  const before = zoneAt(start);
  const zoneMinutes = before === zoneAt(start + DAY_MS - 1) ? before : undefined;
  // Years that cannot be written are left to formatDateTime.
  const usual = start > YEAR_1_MS && start < YEAR_9999_MS && zoneMinutes !== undefined;
  const [date = ''] = formatDateTime({ ms: start, zoneMinutes: 0 }).split(' ');
  const zone = formatDateTime({ ms: start, zoneMinutes: before }).slice(-6);
  const day = { zoneMinutes: usual ? zoneMinutes : undefined, date: `"${date} `, zone: `${zone}"` };
  days.set(number, day);
  return day;
}

/** The local zone at a moment, minutes east of UTC. */
function zoneAt(ms: number): number {
  return -new Date(ms).getTimezoneOffset();
}

const YEAR_1_MS = -62_135_596_800_000;
const YEAR_9999_MS = 253_370_764_800_000;
const COLON = 0x3a;
