/**
 * Passing a client on to another server: from the supervisor's word that it is to be, to the copying of octets.
 *
 * Loaded when the first client is passed on. The password is forgotten once the back end has it.
 */
import type { Socket } from 'node:net';
import { type Log, logValue } from '../log/log.js';
import type { LoginOutcome, LoginProtocol, LoginRequest } from '../login/before-login.js';
import { Secret } from '../secret.js';
import type { Endpoint } from '../worker/mail-worker.js';
import { logInElsewhere, MAX_HOPS, type ProxiedLoginOutcome } from './proxied-login.js';
import { ProxiedSession } from './proxied-session.js';
import type { BackEndLogin, ProxyDialogue } from './proxy-dialogue.js';
import type { PassOn } from './proxy-route.js';
import type { ProxyPlaces } from './proxy-settings.js';

/** The client, as far as it matters here. */
interface PassedClient {
  readonly socket: Socket;
  readonly tls: boolean;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly log: Log;
  readonly isOpen: () => boolean;
}

/** All that is needed. */
interface PassOnParts {
  readonly client: PassedClient;
  readonly request: LoginRequest;
  readonly passOn: PassOn;
  readonly places: ProxyPlaces | undefined;
  readonly protocol: LoginProtocol;
  /** The session is over. */
  readonly ended: () => void;
}

/** How it went. */
type PassOnOutcome =
  | { readonly kind: 'handed over'; readonly session: ProxiedSession; readonly host: string }
  /** The session is to be served by this server. */
  | { readonly kind: 'here' }
  | Exclude<LoginOutcome, { kind: 'handed over' }>;

/** See the head of this file. */
export async function passOnTo(parts: PassOnParts): Promise<PassOnOutcome> {
  const { client, request, passOn, protocol } = parts;
  const dialogue = await protocol.proxyDialogue?.();
  if (parts.places === undefined || dialogue === undefined) {
    return { kind: 'temporary failure', reason: 'this service passes no sessions on' };
  }
  const who = `user=${logValue(passOn.address)}, ip=[${client.remote.ip}], port=[${client.remote.port}]`;
  const outcome = await logIn(parts, parts.places, dialogue, who);
  if (outcome.kind === 'unavailable') return { kind: 'refused', text: outcome.text };
  if (outcome.kind !== 'let in') return outcome;

  const { backEnd, welcome } = outcome;
  const { lastWord } = passOn;
  const heard = lastWord === undefined || (await request.sayLastWord?.(lastWord)) === true;
  if (!heard || !client.isOpen()) {
    backEnd.destroy();
    return heard ? { kind: 'temporary failure', reason: 'the client has gone' } : { kind: 'broken off' };
  }
  const { socket, tls, log, remote } = client;
  socket.removeAllListeners('readable');
  socket.write(welcome);
  const unread = request.unread();
  const stream = backEnd.release();
  if (unread.length > 0) stream.write(unread);
  const { name: host } = backEnd;
  const { sessionId = 0, address, administrator } = passOn;
  const admin = administrator === undefined ? {} : { administrator };
  const session = new ProxiedSession(
    { sessionId, account: { address }, remote, tls, ...admin },
    { client: socket, backEnd: stream, host, dialogue, log, tag: request.tag, ended: parts.ended },
  );
  return { kind: 'handed over', session, host };
}

async function logIn(
  { client, request, passOn }: PassOnParts,
  places: ProxyPlaces,
  dialogue: ProxyDialogue,
  who: string,
): Promise<ProxiedLoginOutcome> {
  const { remote, local, log, socket } = client;
  const { loginName, password, authorisationName } = passOn.as;
  const login: BackEndLogin = {
    ...{ tag: request.tag, loginName, remote, local, manner: places.manner, hopsLeft: request.hopsLeft ?? MAX_HOPS },
    password: password === undefined ? request.proof.data : new Secret(password),
    ...(authorisationName === undefined ? {} : { authorisationName }),
  };
  const gone = new AbortController();
  const abort = () => gone.abort();
  socket.once('close', abort);
  const { hosts, thenHere } = passOn;
  const outcome = await logInElsewhere({
    ...{ ...places, hosts, thenHere, login, dialogue, log, who, remote, local, signal: gone.signal },
  });
  socket.off('close', abort);
  return outcome;
}
