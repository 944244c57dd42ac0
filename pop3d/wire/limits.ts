/**
 * Every limit of what a client may send, with its reason.
 */

/** RFC 2449 section 4 has 255 octets for a command. */
export const MAX_LINE_OCTETS = 1_024;
