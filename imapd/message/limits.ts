/**
 * Every limit on what is looked at inside a message, with its reason. A message beyond one is still fetched whole.
 */

/** As Dovecot. Beyond it the last part takes the rest, so time and memory stay in proportion. */
export const MAX_PARTS = 10_000;

/** As Dovecot. Deeper multiparts and messages are leaves; what walks the tree recurses at most this deep. */
export const MAX_PART_DEPTH = 100;

/** Of a header, the octets that envelope, structure, search and sorting look at. Real ones are below 100 KB. */
export const MAX_HEADER_OCTETS = 1024 * 1024;

/** Lines of a header that are looked at as fields: each costs an object. */
export const MAX_HEADER_FIELDS = 50_000;

/** One field's value, where it is interpreted; Courier cuts envelope strings here too. */
export const MAX_VALUE_OCTETS = 8_192;

/** An address field may be longer than other values: mail to a few thousand people exists. */
export const MAX_ADDRESS_FIELD_OCTETS = 256 * 1024;

/** Addresses of one field in an envelope. More than any client shows. */
export const MAX_ADDRESSES = 5_000;

/** Parameters of one field, RFC 2231 pieces counted one by one, as Dovecot. */
export const MAX_PARAMETERS = 128;

/** RFC 2046 section 5.1.1 allows 70; some programs write more. */
export const MAX_BOUNDARY_OCTETS = 200;

/** Comments within comments in a header. */
export const MAX_COMMENT_DEPTH = 32;

/** Message-IDs that References and In-Reply-To may name; the last ones count, as they are the nearest. */
export const MAX_REFERENCES = 1_000;

/** Strings longer than this are literals, because some clients keep lines in fixed buffers. */
export const MAX_QUOTED_OCTETS = 1_000;
