/**
 * LdapFailure: what can go wrong with a directory server, in words for the administrator.
 */
import { ResultCodeError } from 'ldapts';

/** Result codes of RFC 4511 section 4.1.9 that mean something to us. */
export const RESULT = {
  constraintViolation: 19,
  invalidSyntax: 21,
  invalidCredentials: 49,
  busy: 51,
  unavailable: 52,
  unwillingToPerform: 53,
} as const;

/**
 * `result`: the server answered, with `code`. `silent`: it did not answer in time. `lost`: the connection ended.
 * `unreachable`: no server could be connected to.
 */
export type LdapFailureKind = 'result' | 'silent' | 'lost' | 'unreachable';

/** No answer, or one that says no. The message names the server. */
export class LdapFailure extends Error {
  readonly kind: LdapFailureKind;
  readonly code: number | undefined;

  constructor(kind: LdapFailureKind, message: string, code?: number) {
    super(message);
    this.kind = kind;
    this.code = code;
  }
}

/** What OpenSSL says of a certificate that nobody who is believed has signed. */
const UNKNOWN_AUTHORITY = /self-signed certificate|unable to (verify|get)/;

/** Makes a failure of what the library or a socket threw while `server` was asked. */
export function failureOf(error: unknown, server: string, timeoutMs: number): LdapFailure {
  if (error instanceof LdapFailure) return error;
  if (error instanceof ResultCodeError) {
    return new LdapFailure('result', `${server}: ${describeResult(error)}`, error.code);
  }
  const text = error instanceof Error ? error.message : String(error);
  if (/timed out/i.test(text)) {
    return new LdapFailure('silent', `${server}: no answer within ${timeoutMs / 1000} s (LDAP_TIMEOUT)`);
  }
  const line = text.replace(/\s+/g, ' ').trim();
  const hint = UNKNOWN_AUTHORITY.test(line) ? ' (LDAPTLS_CACERT in authdaemonrc says whom to believe)' : '';
  return new LdapFailure('lost', `${server}: ${line}${hint}`);
}

/** `invalid credentials (49)`, and what the server adds to it. */
function describeResult(error: ResultCodeError): string {
  const name = error.name
    .replace(/Error$/, '')
    .replace(/([a-z])(?=[A-Z])/g, '$1 ')
    .toLowerCase();
  const diagnosis = error.message.replace(/\s*Code: 0x[0-9a-f]+$/i, '').trim();
  return diagnosis === '' ? `${name} (${error.code})` : `${name} (${error.code}): ${diagnosis}`;
}
