/**
 * Expiry as shadow(5) has it, in whole days.
 */
import type { PasswordAging } from './questions.js';

/**
 * Tells why a password may not be used on a day (days since 1970); undefined when it may.
 *
 * The account itself ends at sp_expire. A password that is older than sp_max days has to be changed, which cannot be
 * done over IMAP: it is refused from that day on, as PAM does, and sp_inact days later for good.
 */
export function passwordExpiry(
  { lastChange, maxDays, inactiveDays, expires }: PasswordAging,
  today: number,
): string | undefined {
  if (expires > 0 && today >= expires) return 'the account has expired';
  if (lastChange === 0) return 'the password has expired and must be changed';
  if (lastChange < 0 || maxDays < 0) return undefined;
  const age = today - lastChange;
  if (inactiveDays >= 0 && age > maxDays + inactiveDays) return 'the password has expired';
  return age > maxDays ? 'the password has expired and must be changed' : undefined;
}
