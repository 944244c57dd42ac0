/**
 * What Courier's own extensions say of access lists: the addition to LIST lines that `LIST (ACL MYRIGHTS POSTADDRESS)` asks
 * for, and that answers ACL STORE, ACL SET and ACL DELETE. Identifiers are those of the files here.
 */
import { hasRight, lettersFromRights } from '../../maildir/acl/rights.js';
import { octetsFromText } from '../../maildir/file-system.js';
import { Encoder } from '../wire/encoder.js';
import type { CourierListItem, ListArguments } from '../wire/list-arguments.js';
import type { MailboxPlace } from './mailbox-place.js';
import { courierRightsText } from './rights-wording.js';

/** Whether LIST is asked for rights in Courier's form or in that of RFC 8440. */
export function asksForRights({ courierItems, returns }: ListArguments): boolean {
  return courierItems.size > 0 || returns.myRights === true;
}

/** What a LIST line gets; undefined where Courier's form is not used, or there is no mailbox. */
export function extensionFor({ courierItems }: ListArguments, place: MailboxPlace | undefined): Buffer | undefined {
  return place === undefined || courierItems.size === 0 ? undefined : courierListing(place, courierItems);
}

/** ` (("ACL" (("owner" "acdilrsw")))("MYRIGHTS" "acdilrsw")(POSTADDRESS NIL))`; who may not administer sees no list. */
export function courierListing(place: MailboxPlace, items: ReadonlySet<CourierListItem>): Buffer {
  const { maildir, folderName, rights } = place;
  const line = new Encoder().atom(' (');
  if (items.has('ACL') && hasRight(rights, 'a')) {
    line.atom('("ACL" (');
    for (const { identifier, letters } of maildir.acls.list(folderName).entries()) {
      line.atom('(').quoted(octetsFromText(identifier)).sp().quoted(courierRightsText(letters)).atom(')');
    }
    line.atom('))');
  }
  if (items.has('MYRIGHTS'))
    line
      .atom('("MYRIGHTS" ')
      .quoted(courierRightsText(lettersFromRights(rights)))
      .atom(')');
  if (items.has('POSTADDRESS')) line.atom('(POSTADDRESS NIL)');
  return line.atom(')').octets();
}
