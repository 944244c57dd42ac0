/**
 * Every limit of the grammar, with its reason. They bound memory, time and stack depth by numbers known in advance.
 */

/** Clients send UID sets of 100,000 scattered messages in one line; administrators of other servers ask for 2 MB. */
export const MAX_LINE_OCTETS = 2 * 1024 * 1024;

/** A name or a password as a literal. One thousand such connections hold 8 MB. */
export const MAX_LITERAL_OCTETS_BEFORE_LOGIN = 8_192;

/** A literal outside APPEND is a name or a text to search for; it is held in memory while the command runs. */
export const MAX_LITERAL_OCTETS = 65_536;

/** All literals of one command outside APPEND: many small ones must not do what one large one may not. */
export const MAX_LITERALS_TOTAL_OCTETS = 1024 * 1024;

/** Same before login: LOGIN has two. */
export const MAX_LITERALS_TOTAL_OCTETS_BEFORE_LOGIN = 16_384;

/** A tag is echoed in the completion; real ones are shorter than 20 octets. */
export const MAX_TAG_OCTETS = 255;

/** No production nests deeper in earnest; each level costs a few stack frames. */
export const MAX_PARENTHESES_DEPTH = 100;

/** As Courier since 6.0.1. `OR a OR b OR c …` nests as deep as it has keys, so this bounds the depth too. */
export const MAX_SEARCH_KEYS = 1_000;

/** As Courier since 6.0.1; there are seven different ones. */
export const MAX_SORT_KEYS = 1_000;

/** Each item costs a pass over the message; no client asks for more than a few dozen parts at once. */
export const MAX_FETCH_ITEMS = 1_000;

/** The MIME scanner goes 100 deep, so longer part numbers name nothing. */
export const MAX_PART_NUMBERS = 200;

/** Each pattern is compared with each folder. */
export const MAX_LIST_PATTERNS = 100;

/** Quoted strings longer than this are sent as literals: some clients keep lines in fixed buffers. */
export const MAX_QUOTED_OCTETS = 1_000;

/** Words inside a response, at most: BAD texts and response codes are cut here. */
export const MAX_TEXT_OCTETS = 1_000;
