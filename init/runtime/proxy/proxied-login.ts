/**
 * Logging in at the first back end that takes a client: what a login process does before it copies octets.
 *
 * A back end that did not answer lately is tried after the others, so that not every login waits for it.
 */
import type { Log } from '../log/log.js';
import { count } from '../metrics/counts.js';
import { BackEnd, BackEndFailure, type BackEndOptions, BackEndRefusal, OwnAddress } from './back-end.js';
import { type BackEndAddress, describeHost } from './mail-hosts.js';
import type { BackEndLogin, ProxyDialogue } from './proxy-dialogue.js';

/** A client whose mail is elsewhere. */
export interface ProxiedLogin extends BackEndOptions {
  readonly hosts: readonly BackEndAddress[];
  readonly thenHere: boolean;
  readonly login: BackEndLogin;
  readonly dialogue: ProxyDialogue;
  readonly log: Log;
  /** `user=bob, ip=[::1], port=[40112]` */
  readonly who: string;
}

/** How it went. */
export type ProxiedLoginOutcome =
  /** `welcome` is for the client. */
  | { readonly kind: 'let in'; readonly backEnd: BackEnd; readonly welcome: Buffer }
  /** The account is served here after all. */
  | { readonly kind: 'here' }
  | { readonly kind: 'rejected' }
  | { readonly kind: 'unavailable'; readonly text: string };

/** A login that passed this many proxies goes round in a circle. Dovecot's number. */
export const MAX_HOPS = 5;

/** A back end that did not answer is tried after the others for so long. */
const AVOID_MS = 10_000;

const NOT_AVAILABLE = 'Your mail server is not available at this time, please try again later.';

const avoidedUntil = new Map<string, number>();

/** As they are counted. */
const RESULTS = { 'let in': 'ok', here: 'here', rejected: 'failed', unavailable: 'unavailable' } as const;

/** Tries the hosts in turn, and says in the log why each did not do. Never rejects. */
export async function logInElsewhere(proxied: ProxiedLogin): Promise<ProxiedLoginOutcome> {
  const outcome = await tryInTurn(proxied);
  if (!proxied.signal.aborted) count('passed_on_total', { result: RESULTS[outcome.kind] }).value += 1;
  return outcome;
}

async function tryInTurn(proxied: ProxiedLogin): Promise<ProxiedLoginOutcome> {
  const { log, who, login } = proxied;
  if (login.hopsLeft <= 0) {
    log.write('error', `proxy: ${who}: the login goes round in a circle; check mailhost and PROXY_HOSTNAME`);
    return { kind: 'unavailable', text: 'Proxies point at each other, the administrator must mend it.' };
  }
  let isRejected = false;
  for (const host of inOrder(proxied.hosts)) {
    const outcome = await tryOne(host, proxied);
    if (outcome.kind === 'let in' || outcome.kind === 'here') return outcome;
    if (outcome.kind === 'rejected') isRejected = true;
    if (proxied.signal.aborted) return { kind: 'unavailable', text: NOT_AVAILABLE };
  }
  if (proxied.thenHere) return { kind: 'here' };
  return isRejected ? { kind: 'rejected' } : { kind: 'unavailable', text: NOT_AVAILABLE };
}

async function tryOne(host: BackEndAddress, proxied: ProxiedLogin): Promise<ProxiedLoginOutcome> {
  const { dialogue, login, log, who, signal } = proxied;
  let backEnd: BackEnd | undefined;
  try {
    backEnd = await BackEnd.connect(host, proxied);
    const welcome = await dialogue.logIn(backEnd, login);
    avoidedUntil.delete(keyOf(host));
    return { kind: 'let in', backEnd, welcome };
  } catch (error) {
    backEnd?.destroy();
    if (error instanceof OwnAddress) return { kind: 'here' };
    if (error instanceof BackEndRefusal) {
      log.write('warning', `Login userid/password rejected by ${describeHost(host)}`);
      log.write('info', `proxy: ${who}: ${error.message}`);
      return { kind: 'rejected' };
    }
    if (!(error instanceof BackEndFailure)) log.bug(error, 'logging in at a back end');
    else if (!signal.aborted) log.write('error', `proxy: ${who}: ${error.message}`);
    if (!signal.aborted) avoidedUntil.set(keyOf(host), performance.now() + AVOID_MS);
    return { kind: 'unavailable', text: NOT_AVAILABLE };
  }
}

/** As the administrator wrote them, those that did not answer lately at the end. */
function inOrder(hosts: readonly BackEndAddress[]): readonly BackEndAddress[] {
  const now = performance.now();
  for (const [key, until] of avoidedUntil) if (until <= now) avoidedUntil.delete(key);
  const isAvoided = (host: BackEndAddress) => avoidedUntil.has(keyOf(host));
  return [...hosts.filter((host) => !isAvoided(host)), ...hosts.filter(isAvoided)];
}

function keyOf({ host, port }: BackEndAddress): string {
  return `${host} ${port}`;
}
