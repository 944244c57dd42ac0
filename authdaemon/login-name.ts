/**
 * The login name as the client typed it: in small letters if the site wants that (LOGINCASE), without or with its domain
 * (STRIPDOMAIN, DEFDOMAIN, DOMAINSEP), and taken apart where an administrator wants to act as somebody else (ADMINSEP).
 */

/** How a site reads login names. */
export interface LoginNameSettings {
  /** DEFDOMAIN, with its separator. */
  readonly defaultDomain?: string;
  /** DOMAINSEP: characters that show that a domain is there already. */
  readonly domainSeparators?: string;
  /** LOGINCASE=lower: ASCII letters of a name are written small. */
  readonly lowerCase?: boolean;
  /** STRIPDOMAIN: names in these domains are meant without them; small letters. */
  readonly strippedDomains?: readonly string[];
  /** ADMINSEP: what stands between a user and the administrator who logs in as him. */
  readonly adminSeparator?: string;
}

/** Reads login names of one site. */
export class LoginNames {
  readonly #settings: LoginNameSettings;

  constructor(settings: LoginNameSettings) {
    this.#settings = settings;
  }

  /** Gives the name that the account has: in small letters, without or with a domain, as the site wants it. */
  complete(name: string): string {
    const { lowerCase, strippedDomains = [], defaultDomain, domainSeparators } = this.#settings;
    // Beyond ASCII, what is small depends on the language.
    const typed = lowerCase === true ? name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : name;
    const at = typed.lastIndexOf('@');
    if (at > 0 && strippedDomains.includes(typed.slice(at + 1).toLowerCase())) return typed.slice(0, at);
    return withDefaultDomain(typed, defaultDomain, domainSeparators);
  }

  /**
   * Reads what somebody typed; `bob*boss` is boss, who wants to be bob, where ADMINSEP is `*`.
   */
  read(typed: string): { readonly loginName: string; readonly authorisationName?: string } {
    const { adminSeparator = '' } = this.#settings;
    const at = adminSeparator === '' ? -1 : typed.lastIndexOf(adminSeparator);
    const end = at + adminSeparator.length;
    if (at < 1 || end === typed.length) return { loginName: this.complete(typed) };
    return { loginName: this.complete(typed.slice(end)), authorisationName: this.complete(typed.slice(0, at)) };
  }
}

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
