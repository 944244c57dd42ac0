/**
 * What POP3 sessions need to know of the settings in etc/pop3d and etc/pop3d-ssl: plain JSON that the supervisor sends to
 * login processes and mail workers. settings-reader.ts reads the files. It knows no file and no process.
 */
import type { LoginSettings } from '../../init/runtime/settings/login-settings.js';

/** The settings of sessions, before and after login. */
export interface SessionSettings extends LoginSettings {
  /** POP3AUTH: mechanisms of AUTH that are switched on, in upper case: PLAIN and LOGIN need not be named. */
  readonly mechanisms: readonly string[];
  /** POP3AUTH_TLS: the same for connections with TLS. */
  readonly mechanismsTls: readonly string[];
  /** OAUTHBEARER and XOAUTH2 are offered: authoauthrc says whose tokens are believed. */
  readonly oauth: boolean;
  /** POP3_APOP: the greeting has a challenge, and APOP answers it. */
  readonly apop: boolean;
  /** POP3_PROXY: sessions are passed on to other servers, which may pass them on themselves. */
  readonly proxies: boolean;
  /** POP3_INACTIVITY_TIMEOUT. */
  readonly inactivitySeconds: number;
  /** POP3_MAX_BAD_COMMANDS: one after the other, then the connection ends. */
  readonly maxBadCommands: number;
  /** POP3_LOG_DELETIONS. */
  readonly logDeletions: boolean;
  /** POP3DEBUGFILE: sessions of a maildir with such a file are traced in it. */
  readonly debugFile?: string;
  /** POP3_SYNC: what was removed stays removed after a power cut. */
  readonly durable: boolean;
  /** POP3_TRASHQUOTA: what is marked as deleted counts. */
  readonly trashCounts: boolean;
  /** POP3_LOGIN_INTERVAL: seconds between two logins of an account; 0 is none. */
  readonly loginIntervalSeconds: number;
  /** POP3_EXPIRE: what CAPA says of how long mail is kept; absent: nothing. */
  readonly expire?: string;
  /** POP3_WRAP_UTF8: what a client cannot read that has not said UTF8 comes as an attachment. */
  readonly wrapUtf8: boolean;
  /** MIME_UNICODE_MESSAGE_TYPE: the type of that attachment. */
  readonly utf8MessageType: string;
}
