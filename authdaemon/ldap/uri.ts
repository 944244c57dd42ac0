/**
 * The servers of LDAP_URI: `ldaps://ldap.example.com, ldap://10.0.0.2:1389 ldapi://%2Frun%2Fslapd%2Fldapi`. Pure.
 */

/** One server. */
export type LdapUri =
  | { readonly kind: 'ldap' | 'ldaps'; readonly text: string; readonly host: string; readonly port: number }
  | { readonly kind: 'ldapi'; readonly text: string; readonly path: string };

/** Where slapd has its socket when a URI does not say so. */
const DEFAULT_LDAPI_PATH = '/run/slapd/ldapi';

/** Reads one URI, or tells what is wrong with it. */
export function parseLdapUri(text: string): LdapUri | string {
  const [, scheme = '', authority = '', rest = ''] = /^([a-z]+):\/\/([^/?]*)(.*)$/is.exec(text) ?? [];
  const kind = scheme.toLowerCase();
  if (kind === 'ldapi') return parseLdapi(text, authority, rest);
  if (kind !== 'ldap' && kind !== 'ldaps') return 'does not begin with ldap://, ldaps:// or ldapi://';
  if (rest !== '' && rest !== '/') return 'has a part behind the port; the search base is LDAP_BASEDN';
  const [, bracketed, plain = '', port] =
    /^(?:\[([0-9a-f:.]+)\]|([^:@[\]\s]*))(?::([0-9]{1,5}))?$/i.exec(authority) ?? [];
  const host = bracketed ?? plain;
  if (host === '' && authority !== '' && !authority.startsWith(':')) return 'is not HOST or HOST:PORT behind ://';
  const number = port === undefined ? (kind === 'ldaps' ? 636 : 389) : Number(port);
  if (number < 1 || number > 65_535) return 'has a port that is none';
  return { kind, text, host: host === '' ? 'localhost' : host, port: number };
}

function parseLdapi(text: string, authority: string, rest: string): LdapUri | string {
  if (authority === '' && rest.length > 1) return 'has the path of the socket unescaped; write %2F for each /';
  const path = authority === '' ? DEFAULT_LDAPI_PATH : decoded(authority);
  if (path === undefined || !path.startsWith('/')) return 'is not the path of a socket; write %2F for each /';
  return { kind: 'ldapi', text, path };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // A % without two digits.
  }
}

/** Would somebody on the network between hear what is said to this server? */
export function isRemote(uri: LdapUri): boolean {
  return uri.kind === 'ldap' && !/^(localhost|127\.[0-9.]+|::1)$/i.test(uri.host);
}
