/**
 * SASLprep (RFC 4013): makes passwords alike that look alike, before SCRAM hashes them.
 *
 * Normalised with the Unicode version of this Node; RFC 3454 names Unicode 3.2, whose unassigned characters are let
 * through here, as a query string may hold them. Pure.
 */

/** RFC 3454 table C.1.2: spaces other than the one of ASCII. */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g;
/** RFC 3454 table B.1: commonly mapped to nothing. */
const NOTHING = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g;
/** RFC 3454 tables C.2.1 to C.9: controls, private use, no characters, and what changes or hides text, after NFKC. */
const PROHIBITED =
  /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u06dd\u070f\u180e\u200c-\u200f\u2028-\u202e\u2060-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufeff\ufff9-\ufffd\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]/u;
/** RFC 3454 table D.1: letters that are written from right to left. */
const RIGHT_TO_LEFT =
  '\u05be\u05c0\u05c3\u05d0-\u05ea\u05f0-\u05f4\u061b\u061f\u0621-\u063a\u0640-\u064a\u066d-\u066f\u0671-\u06d5\u06e5\u06e6\u06fa-\u06fe\u0700-\u070d\u0710\u0712-\u072c\u0780-\u07a5\u07b1\ufb1d\ufb1f-\ufb28\ufb2a-\ufb36\ufb38-\ufb3c\ufb3e\ufb40\ufb41\ufb43\ufb44\ufb46-\ufbb1\ufbd3-\ufd3d\ufd50-\ufd8f\ufd92-\ufdc7\ufdf0-\ufdfc\ufe70-\ufe74\ufe76-\ufefc';
const ANY_RIGHT_TO_LEFT = new RegExp(`[${RIGHT_TO_LEFT}]`, 'u');
const RIGHT_TO_LEFT_AROUND = new RegExp(`^[${RIGHT_TO_LEFT}](.*[${RIGHT_TO_LEFT}])?$`, 'su');
const LEFT_TO_RIGHT = new RegExp(`(?![${RIGHT_TO_LEFT}])\\p{L}`, 'u');

/** Prepares a text; undefined when it holds what RFC 4013 section 2.3 prohibits, or mixes directions (section 2.4). */
export function saslprep(text: string): string | undefined {
  const prepared = text.replace(SPACES, ' ').replace(NOTHING, '').normalize('NFKC');
  if (PROHIBITED.test(prepared)) return undefined;
  if (!ANY_RIGHT_TO_LEFT.test(prepared)) return prepared;
  return RIGHT_TO_LEFT_AROUND.test(prepared) && !LEFT_TO_RIGHT.test(prepared) ? prepared : undefined;
}
