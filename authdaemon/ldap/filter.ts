/**
 * Search filters: those an administrator writes, and a login name put into them as a value that stays a value.
 *
 * A login name never becomes part of filter text that is parsed; only LDAP_EMAILMAP is a text with places for it, and
 * there it is escaped first (RFC 4515 section 3).
 */
import { AndFilter, EqualityFilter, Filter, FilterParser, PresenceFilter } from 'ldapts';
import { textFromOctets } from '../octet-text.js';

/** Octets that are no characters of ASCII, as RFC 4515 escapes them. The library reads each as a character. */
const ESCAPED_OCTETS = /(?:\\[89a-f][0-9a-f])+/gi;

/**
 * Reads what an administrator wrote. Blanks between the parts do no harm, and parentheses around the whole may be
 * missing, as OpenLDAP has it.
 *
 * @throws {Error} when it is no filter
 */
export function parseFilter(text: string): Filter {
  return FilterParser.parseString(normalized(text));
}

/** Reads LDAP_FILTER: one filter, or several that must all be true. @throws {Error} */
export function parseFilters(text: string): Filter {
  const whole = normalized(text);
  return FilterParser.parseString(whole.startsWith('(') ? `(&${whole})` : `(&(${whole}))`);
}

/** The filter for the accounts whose attribute has this value, among those that `restriction` lets through. */
export function accountFilter(attribute: string, value: string, restriction: Filter | undefined): Filter {
  const equality = new EqualityFilter({ attribute, value });
  return restriction === undefined ? equality : new AndFilter({ filters: [restriction, equality] });
}

/** The filter for entries that have the attribute at all. */
export function presenceFilter(attribute: string): Filter {
  return new PresenceFilter({ attribute });
}

/** Puts the two halves of an address where LDAP_EMAILMAP has `@user@` and `@realm@`. @throws {Error} */
export function emailMapFilter(template: string, user: string, realm: string): Filter {
  const filled = template.replace(/@(user|realm)@/g, (_, half) => Filter.escape(half === 'user' ? user : realm));
  return parseFilter(filled);
}

/** The library takes a filter that lacks its last parenthesis. @throws {Error} */
function normalized(text: string): string {
  let depth = 0;
  // Inside a value a parenthesis is escaped.
  for (const character of text) {
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    if (depth < 0) break;
  }
  if (depth !== 0) throw new Error('parentheses are not balanced');
  return text
    .trim()
    .replace(/\(\s+/g, '(')
    .replace(/\)\s+/g, ')')
    .replace(/([&|!])\s+\(/g, '$1(')
    .replace(ESCAPED_OCTETS, (octets) => textFromOctets(Buffer.from(octets.replaceAll('\\', ''), 'hex')));
}
