/**
 * What happens before login, alike for all mail protocols: connections are counted, greeted in time, switched to TLS,
 * and handed over to the mail worker of their account, or relayed to it when they use TLS.
 *
 * How a protocol uses it (imapd/login.ts is nothing more):
 *
 *     serveLogins((settings) => new ImapLogin(settings as SessionSettings));
 *
 * `LoginProtocol.converse(client)` writes the greeting, reads commands, and calls `client.startTls()` and
 * `client.authenticate()`. After 'handed over' it must not touch the client again, and returns. When it returns in any
 * other way the connection is closed, after what was written has gone out. The total time before login is limited here;
 * when it is over, `read()` gives undefined. The protocol counts lines, bad commands, and waits after failed logins.
 * It knows no mail protocol.
 */
import type { Log } from '../log/log.js';
import type { ProxyDialogue } from '../proxy/proxy-dialogue.js';
import type { Secret } from '../secret.js';
import type { Endpoint } from '../worker/mail-worker.js';

export type { Endpoint } from '../worker/mail-worker.js';

/** How authenticate() ended. */
export type LoginOutcome =
  /** The mail worker answers the command. The client is not ours any more. */
  | { readonly kind: 'handed over' }
  /** Wrong name or password. `lastWord`, in base64, is what the mechanism tells the client about it. */
  | {
      readonly kind: 'rejected';
      readonly lastWord?: string;
      readonly expired?: boolean;
      /** How late it is to be answered, where that is not as usual. */
      readonly delaySeconds?: number;
    }
  /** The password is right, but not to act as the other one. */
  | { readonly kind: 'not authorised' }
  /** The client did not take the mechanism's last word: a session was ready, and the connection must end. */
  | { readonly kind: 'broken off' }
  /** Nobody knows whether the password is right; `reason` is for the log. */
  | { readonly kind: 'temporary failure'; readonly reason: string }
  /** The password is right, but there is no session; `text` may be told to the client. */
  | RefusedLogin;

/** Why somebody who proved who he is has no session here. */
export interface RefusedLogin {
  readonly kind: 'refused';
  readonly text: string;
  /** In the words of RFC 5530; absent: the service is not available. */
  readonly code?: 'AUTHORIZATIONFAILED' | 'LIMIT' | 'PRIVACYREQUIRED';
  /** The account is on another server, to which its client may go itself. */
  readonly referral?: { readonly loginName: string; readonly host: string; readonly port: number };
}

/**
 * What a client shows to prove who it is, by authdaemond's types of AUTH: for `login` the password, for `external`
 * nothing (its certificate was verified here), for others the data of AUTH.
 */
export interface Proof {
  readonly authType: string;
  readonly data: Secret;
}

/** What authdaemond says to the beginning of an exchange. */
export type ExchangeAnswer =
  /** In base64: what the client is to be told; and what authdaemond wants back with the client's answer. */
  | { readonly kind: 'challenge'; readonly challenge: string; readonly token: string }
  | { readonly kind: 'rejected' }
  | { readonly kind: 'temporary failure'; readonly reason: string };

/** What a login process asks about a client that said who it is. */
export interface LoginRequest {
  /** Empty where the proof says who it is. */
  readonly loginName: string;
  readonly proof: Proof;
  /** Whom the client wants to act as, if not as itself. */
  readonly authorisationName?: string;
  /** `imap` or `pop3`, or what AUTHSERVICE says for the port. */
  readonly service: string;
  /** Passed on to the worker, which uses it in its answer. */
  readonly tag: string;
  /** How many more proxies this login may pass, where it came from one that said so. */
  readonly hopsLeft?: number;
  /** Takes what was read and not used: it goes on to the worker. Called once, when the session is handed over. */
  readonly unread: () => Buffer;
  /** Tells the client the mechanism's last word, in base64, before the session is handed over. False: it would not hear it. */
  readonly sayLastWord?: (word: string) => Promise<boolean>;
}

/** A client that has not logged in yet. */
export interface LoginClient {
  /** The ends of the connection, or what a proxy that is believed says of them. */
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** TLS is on, by port or by startTls(). */
  readonly tls: boolean;
  /** startTls() can be called: a certificate is there, the administrator allows it, and TLS is not on yet. */
  readonly tlsAvailable: boolean;
  /** Octets of the conversation so far, without TLS's own. */
  readonly receivedOctets: number;
  readonly sentOctets: number;
  /** Milliseconds since the epoch at which the connection was accepted. */
  readonly acceptedAt: number;
  readonly log: Log;
  /** It was logged in on this connection and has given that back: it is greeted no more. What counts counts anew. */
  readonly again?: boolean;
  /** Gives the next octets as they come; undefined when the client has gone, or its time is over. */
  read(): Promise<Buffer | undefined>;
  /** Sends octets. Never throws; what goes to a client that has gone is dropped. */
  write(octets: Buffer | string): void;
  /**
   * Switches to TLS. Call it directly after the write of the OK (no await between): what came in plaintext so far and
   * was not given by read() is dropped here; what read() gave and is unused must be dropped by the caller.
   *
   * @throws when the handshake fails; the connection is closed then, and one line is in the log.
   */
  startTls(): Promise<void>;
  /** Octets that bind to this TLS connection (channel-binding.ts); undefined for a type that it does not have. */
  channelBinding(type: string): Buffer | undefined;
  /** A field of the subject of the client's verified certificate; undefined without one, and for other fields. */
  certificateField(name: string): string | undefined;
  /** Asks authdaemond for the challenge of a mechanism that leaves it to authdaemond. Never throws. */
  beginExchange(beginning: Proof, service: string): Promise<ExchangeAnswer>;
  /** Asks authdaemond, and hands the session over to the mail worker of the account. Never throws. */
  authenticate(request: LoginRequest): Promise<LoginOutcome>;
  /** Closes, after what was written before and `octets` have gone out. */
  end(octets?: Buffer | string): void;
}

/** Why the runtime ends a conversation by itself. */
export type GoodbyeReason = 'login timeout' | 'shutting down';

/** What a mail protocol gives to `serveLogins`. */
export interface LoginProtocol {
  /** Holds the conversation from the greeting to the hand-over or the end. */
  converse(client: LoginClient): Promise<void>;
  /** The line for a client that is refused at connect: `* BYE ` and the text. */
  tooManyConnections(text: string): Buffer;
  /** The line for a client whose time is over, or that meets the end of the server. Without it, the line above. */
  goodbye?(reason: GoodbyeReason): Buffer;
  /** How accounts of other servers are passed on to them; loaded when the first of them logs in. */
  proxyDialogue?(): Promise<ProxyDialogue>;
}

export { serveLogins } from './login-loop.js';
