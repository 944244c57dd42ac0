/** What a good token must say (RFC 7519 section 4.1, RFC 9068), wherever it was checked. Pure. */
import type { Claims } from './jwt.js';
import type { OauthSettings } from './oauth-settings.js';

/** Who the token is about, or why it is not believed. */
export type ClaimsVerdict =
  | { readonly kind: 'good'; readonly loginName: string }
  | {
      readonly kind: 'refused';
      readonly status: 'invalid_token' | 'insufficient_scope';
      /** For the log. */
      readonly reason: string;
      readonly expired?: boolean;
    };

/** Looks at the claims; `isAllThereIs`: nobody but the token speaks for it, so it must say all. */
export function checkClaims(
  claims: Claims,
  settings: OauthSettings,
  { nowSeconds, isAllThereIs }: { readonly nowSeconds: number; readonly isAllThereIs: boolean },
): ClaimsVerdict {
  const { issuer, audiences, leewaySeconds, scopes } = settings;
  if (issuer !== undefined && claims['iss'] !== issuer && (isAllThereIs || claims['iss'] !== undefined)) {
    return refused('it is from another issuer');
  }
  if (audiences.length > 0 && !texts(claims['aud']).some((audience) => audiences.includes(audience))) {
    return refused('it is for another audience');
  }
  const end = claims['exp'];
  if (end === undefined ? isAllThereIs : typeof end !== 'number') return refused('it does not say when it expires');
  if (typeof end === 'number' && nowSeconds >= end + leewaySeconds) {
    return { ...refused('it has expired'), expired: true };
  }
  const begin = claims['nbf'];
  if (typeof begin === 'number' && nowSeconds < begin - leewaySeconds) return refused('it is not valid yet');
  const granted = grantedScopes(claims);
  const missing = scopes.filter((scope) => !granted.includes(scope));
  if (missing.length > 0) return refused(`it does not grant ${missing.join(' ')}`, 'insufficient_scope');
  return loginNameOf(claims, settings.loginClaim);
}

function loginNameOf(claims: Claims, claim: string): ClaimsVerdict {
  const loginName = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  if (typeof loginName !== 'string' || loginName === '') return refused(`it has no claim ${claim}`);
  // Anybody may call himself as he likes, where the provider has not looked.
  if (claim === 'email' && claims['email_verified'] === false) return refused('its address is not verified');
  return { kind: 'good', loginName };
}

/** `scope` is one text (RFC 8693 section 4.2); some providers write `scp`, and lists. */
function grantedScopes(claims: Claims): string[] {
  return [...texts(claims['scope']), ...texts(claims['scp'])].flatMap((text) => text.split(' '));
}

function texts(value: unknown): string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((each) => typeof each === 'string');
}

function refused(
  reason: string,
  status: 'invalid_token' | 'insufficient_scope' = 'invalid_token',
): Extract<ClaimsVerdict, { kind: 'refused' }> {
  return { kind: 'refused', status, reason };
}
