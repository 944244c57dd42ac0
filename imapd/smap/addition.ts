/**
 * Addition: what the commands ADD of one message have said before its text comes (courier.md section 5.7).
 */
import type { FlagBits } from '../../maildir/flags.js';
import type { MailboxPlace } from '../sharing/mailbox-place.js';

/** A message that is being put together. */
export interface Addition {
  /** Where it is to be stored, if anywhere. */
  readonly place: MailboxPlace | undefined;
  /** The envelope of a message that is to be sent. */
  readonly sender: string | undefined;
  readonly recipients: readonly string[];
  /** Delivery status notifications asked for: `success,fail`. */
  readonly notify: string | undefined;
  readonly flags: FlagBits;
  readonly keywords: readonly string[];
  /** Milliseconds since 1970. */
  readonly internalDate: number | undefined;
}

/** Nothing has been said. */
export const NO_ADDITION: Addition = {
  place: undefined,
  sender: undefined,
  recipients: [],
  notify: undefined,
  flags: 0,
  keywords: [],
  internalDate: undefined,
};
