/**
 * Uid: the unique identifier of a message in its folder, as a type that no other number fits.
 */

declare const brand: unique symbol;

/** A UID. It is made only in `maildir/`, from what `courierimapuiddb` says. */
export type Uid = number & { readonly [brand]: 'uid' };

/** The highest UID and UIDVALIDITY that fit IMAP's 32 bits (RFC 9051 section 2.3.1.1). */
export const MAX_UID = 4_294_967_295;

/**
 * No folder comes near this by honest means. A list that names higher ones is damaged; believing it would leave no UIDs
 * for new messages.
 */
export const HIGHEST_CREDIBLE_UID = MAX_UID - 1_048_576;

/** Marks a number that was read from or assigned in a UID list as a UID. */
export function asUid(number: number): Uid {
  return number as Uid;
}
