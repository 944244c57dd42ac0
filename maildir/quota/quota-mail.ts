/**
 * The mail that warns of a maildir that is nearly full: a template of the administrator's, once a day.
 *
 * The time of the last one is the mtime of `quotawarn` in the maildir, as in Courier.
 */
import { errorCode } from '../errors.js';
import { readWhole, unlinkIfThere } from '../files.js';
import { type Delivery, type DeliveryPlace, deliver } from './delivery.js';

const ONE_DAY_MILLISECONDS = 24 * 60 * 60 * 1000;
/** A template is a page of text. */
const MAX_TEMPLATE_OCTETS = 1024 * 1024;

/** Warns, unless that was done within a day or there is no template. Gives whether it did. */
export async function sendQuotaMail(place: DeliveryPlace, templatePath: string): Promise<boolean> {
  const { fileSystem: disk, now, hostName } = place.surroundings;
  const stamp = `${place.maildirPath}/quotawarn`;
  const before = disk.status(stamp);
  if (before !== undefined && Math.abs(now() - before.modifiedAt) < ONE_DAY_MILLISECONDS) return false;
  const template = readTemplate(place, templatePath);
  if (template === undefined) return false;
  // First the time, so that two deliveries at once do not both warn.
  unlinkIfThere(disk, stamp);
  try {
    const file = disk.create(stamp, 0o644);
    file.write(Buffer.of(0));
    file.close();
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
  const head = `Date: ${mailDate(new Date(now()))}\nMessage-Id: <${Math.floor(now() / 1000)}.overquota@${hostName}>\n`;
  const delivery: Delivery = { octets: inPieces(head, template), purpose: 'warn', inAnyCase: true };
  await deliver(place, delivery);
  return true;
}

/** The template may be a link of the administrator's, but not one of a file that is no text. */
function readTemplate({ surroundings }: DeliveryPlace, path: string): Buffer | undefined {
  try {
    return readWhole(surroundings.fileSystem, path, MAX_TEMPLATE_OCTETS)?.octets;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    surroundings.warnOnce(`The text of the warning cannot be read: ${path}: ${errorCode(error)}`);
    return undefined;
  }
}

async function* inPieces(head: string, template: Buffer): AsyncGenerator<Buffer> {
  yield Buffer.from(head);
  yield template;
}

/** `Sat, 21 Nov 2026 14:41:31 +0000` (RFC 5322 section 3.3), in the time zone of this machine. */
function mailDate(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + minutes * 60_000).toUTCString().replace(/ GMT$/, '');
  const two = (number: number): string => String(Math.floor(Math.abs(number))).padStart(2, '0');
  return `${local} ${minutes < 0 ? '-' : '+'}${two(minutes / 60)}${two(minutes % 60)}`;
}
