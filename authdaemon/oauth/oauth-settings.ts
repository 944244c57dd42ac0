/**
 * The settings of authoauthrc: whose tokens are believed, and what they must say. A file that names neither keys
 * nor a URL, as the one in etc/, switches OAuth off.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../../init/runtime/settings/settings-file.js';
import { readRcFile } from '../rc-file.js';
import { SIGNATURE_ALGORITHMS } from './jwt.js';

/** Where a provider tells whether a token is good (RFC 7662). */
export interface IntrospectionSettings {
  readonly url: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly timeoutMs: number;
}

/** The settings, read. */
export interface OauthSettings {
  readonly issuer?: string;
  /** One of them must be the token's; empty: not looked at. */
  readonly audiences: readonly string[];
  /** A file or directory with the provider's public keys. */
  readonly keys?: string;
  /** Where the provider has its key set. */
  readonly jwksUrl?: string;
  /** For everything that the provider is asked. */
  readonly timeoutMs: number;
  readonly algorithms: readonly string[];
  readonly introspection?: IntrospectionSettings;
  /** The claim that is the login name. */
  readonly loginClaim: string;
  /** All of them must be granted. */
  readonly scopes: readonly string[];
  /** How far clocks may be apart. */
  readonly leewaySeconds: number;
  /** Told to clients whose token was refused, so that they find out where to get another (RFC 8414). */
  readonly configurationUrl?: string;
}

/** The name of the file. */
export const OAUTH_FILE = 'authoauthrc';

/** Reads the settings, and adds what is wrong with them as problems. */
export function readOauthSettings(file: Settings): OauthSettings {
  const keys = file.optionalText('OAUTH_KEYS');
  const jwksUrl = file.optionalText('OAUTH_JWKS_URL');
  const timeoutMs = file.integer('OAUTH_TIMEOUT', 10, { min: 1, max: 20 }) * 1000;
  const introspection = readIntrospection(file, timeoutMs);
  const settings = {
    ...optional('issuer', file.optionalText('OAUTH_ISSUER')),
    audiences: words(file.text('OAUTH_AUDIENCE', '')),
    ...optional('keys', keys),
    ...optional('jwksUrl', jwksUrl),
    timeoutMs,
    algorithms: readAlgorithms(file),
    ...(introspection === undefined ? {} : { introspection }),
    loginClaim: file.text('OAUTH_LOGIN_CLAIM', 'email'),
    scopes: words(file.text('OAUTH_SCOPE', '')),
    leewaySeconds: file.integer('OAUTH_LEEWAY', 60, { max: 600 }),
    ...optional('configurationUrl', file.optionalText('OAUTH_CONFIGURATION_URL')),
  };
  const signed = keys !== undefined ? 'OAUTH_KEYS' : jwksUrl !== undefined ? 'OAUTH_JWKS_URL' : undefined;
  if (signed !== undefined && (settings.issuer === undefined || settings.audiences.length === 0)) {
    const what = `${signed} without OAUTH_ISSUER and OAUTH_AUDIENCE would believe tokens that are meant for others`;
    file.problem(signed, what, 'name both');
  }
  if (jwksUrl !== undefined && !isPrivate(jwksUrl)) {
    const remedy = 'begin it with https://, or http://127.0.0.1 for a provider on this machine';
    file.problem('OAUTH_JWKS_URL', `OAUTH_JWKS_URL ${jwksUrl} would let strangers on the way send keys`, remedy);
  }
  if (keys !== undefined && !keys.startsWith('/')) {
    file.problem('OAUTH_KEYS', `OAUTH_KEYS ${keys} is not an absolute path`, 'begin it with a /');
  }
  return settings;
}

/** Tells whether tokens are believed at all. */
export function isOauthOn(settings: OauthSettings): boolean {
  return settings.keys !== undefined || settings.jwksUrl !== undefined || settings.introspection !== undefined;
}

/** Reads the file for `--check`; one that is not there has nothing wrong in it. */
export function checkOauthSettings(configDirectory: string): {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
} {
  const path = join(configDirectory, OAUTH_FILE);
  return existsSync(path) ? readRcFile(path, readOauthSettings) : { problems: [], warnings: [] };
}

/** Tells whether a directory of settings switches OAuth on; what is wrong with the file is authdaemond's to tell. */
export function isOauthEnabled(configDirectory: string): boolean {
  const path = join(configDirectory, OAUTH_FILE);
  return existsSync(path) && isOauthOn(readRcFile(path, readOauthSettings).values);
}

function readIntrospection(file: Settings, timeoutMs: number): IntrospectionSettings | undefined {
  const url = file.optionalText('OAUTH_INTROSPECTION_URL');
  const clientId = file.optionalText('OAUTH_CLIENT_ID');
  const clientSecret = file.optionalText('OAUTH_CLIENT_SECRET');
  file.keepSecret('OAUTH_CLIENT_SECRET');
  if (url === undefined) return undefined;
  if (!isPrivate(url)) {
    const remedy = 'begin it with https://, or http://127.0.0.1 for a provider on this machine';
    file.problem('OAUTH_INTROSPECTION_URL', `OAUTH_INTROSPECTION_URL ${url} would send tokens in the clear`, remedy);
  }
  return { url, timeoutMs, ...optional('clientId', clientId), ...optional('clientSecret', clientSecret) };
}

function readAlgorithms(file: Settings): string[] {
  const names = words(file.text('OAUTH_ALGORITHMS', SIGNATURE_ALGORITHMS.join(' ')));
  for (const name of names.filter((each) => !SIGNATURE_ALGORITHMS.includes(each))) {
    const remedy = `write some of ${SIGNATURE_ALGORITHMS.join(' ')}`;
    file.problem('OAUTH_ALGORITHMS', `OAUTH_ALGORITHMS: ${name} is not allowed`, remedy);
  }
  return names;
}

/** Nobody on the way reads it: TLS, or it stays on this machine. */
function isPrivate(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname));
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function optional<Name extends string>(name: Name, value: string | undefined): { [key in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]: string });
}
