/**
 * How much a client may say before it has logged in, alike for all mail protocols, with the reason of each limit.
 */

/** Nobody needs more than a name, a password or a token; Dovecot and WildDuck allow the same. */
export const MAX_LINE_OCTETS_BEFORE_LOGIN = 8_192;

/** A program makes no mistakes before login, a human at a terminal makes few. Dovecot allows the same. */
export const MAX_BAD_COMMANDS_BEFORE_LOGIN = 3;

/** No client has so much to say before it logs in; the answers of those that do not read them are kept in memory. */
export const MAX_COMMANDS_BEFORE_LOGIN = 1_000;

/** A stranger who sends more is not read further: no name, no password and no mistake is so long. */
export const MAX_OCTETS_BEFORE_LOGIN = 2 * 1_048_576;
