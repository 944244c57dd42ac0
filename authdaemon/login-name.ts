/**
 * The login name as the client typed it, completed with the site's default domain (DEFDOMAIN, DOMAINSEP).
 */

/**
 * Appends the default domain to a login name that has none.
 *
 *     withDefaultDomain('ann', '@example.com')            // 'ann@example.com'
 *     withDefaultDomain('ann%b.org', '@example.com', '@%') // 'ann%b.org'
 *
 * `defaultDomain` holds its own separator, as DEFDOMAIN does. `separators` are the characters that show that a domain
 * is there already; without them the first character of the default domain is the only one.
 */
export function withDefaultDomain(loginName: string, defaultDomain?: string, separators?: string): string {
  if (defaultDomain === undefined || defaultDomain === '') return loginName;
  const marks = separators === undefined || separators === '' ? defaultDomain.slice(0, 1) : separators;
  const qualified = [...loginName].some((character) => marks.includes(character));
  return qualified ? loginName : loginName + defaultDomain;
}
