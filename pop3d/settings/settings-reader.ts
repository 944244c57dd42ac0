/**
 * Reads etc/pop3d, etc/pop3d-ssl and what pop3d needs of the files beside them. What all mail servers have alike is read by
 * the runtime; here are the names that POP3's settings have, and its sessions.
 */
import { isOauthEnabled } from '../../authdaemon/oauth/oauth-settings.js';
import { SASL_MECHANISMS } from '../../authdaemon/sasl/mechanisms.js';
import { readIsProxy } from '../../init/runtime/proxy/proxy-settings.js';
import { readLoginSettings } from '../../init/runtime/settings/login-settings.js';
import {
  type MailServiceSettings,
  readMailServiceSettings,
} from '../../init/runtime/settings/mail-service-settings.js';
import type { Settings } from '../../init/runtime/settings/settings-file.js';
import type { SessionSettings } from './session-settings.js';
import { settingsWithoutEffect } from './settings-without-effect.js';

/** What the files say, with the parts that control scripts ask for. */
export type Pop3dSettings = MailServiceSettings<SessionSettings>;

/** RFC 1939 section 3: an inactivity timer of at least ten minutes. Courier's five are too few for slow clients. */
const LEAST_INACTIVITY_SECONDS = 600;

/** Reads the files in `directory` (COURIER_CONFDIR). Problems are in the result; it never throws. */
export function readPop3dSettings(directory: string): Pop3dSettings {
  return readMailServiceSettings<SessionSettings>(directory, {
    daemon: 'pop3d',
    prefix: 'POP3',
    alpn: 'pop3',
    port: '110',
    sslPort: '995',
    startTls: 'POP3_STARTTLS',
    sessions: (settings, authdaemon) => ({
      ...readSessionSettings(settings, authdaemon),
      oauth: isOauthEnabled(directory),
    }),
    withoutEffect: settingsWithoutEffect,
  });
}

/** See session-settings.ts for what each is. `authdaemon` is authdaemonrc, where DEBUG_LOGIN stands. */
export function readSessionSettings(settings: Settings, authdaemon: Settings): SessionSettings {
  return {
    ...readLoginSettings(settings, authdaemon, 'POP3'),
    ...readMechanisms(settings),
    ...readExpire(settings),
    ...readDebugFile(settings),
    oauth: false,
    proxies: readIsProxy(settings, 'POP3'),
    apop: settings.switchedOn('POP3_APOP', false),
    inactivitySeconds: readInactivity(settings),
    maxBadCommands: settings.integer('POP3_MAX_BAD_COMMANDS', 10, { min: 1 }),
    logDeletions: !settings.text('POP3_LOG_DELETIONS', '0').startsWith('0'),
    durable: settings.switchedOn('POP3_SYNC', true),
    trashCounts: settings.switchedOn('POP3_TRASHQUOTA', false),
    loginIntervalSeconds: settings.integer('POP3_LOGIN_INTERVAL', 0, { max: 86_400 }),
    wrapUtf8: settings.switchedOn('POP3_WRAP_UTF8', true),
    utf8MessageType: readMessageType(settings),
  };
}

function readInactivity(settings: Settings): number {
  const seconds = settings.integer('POP3_INACTIVITY_TIMEOUT', LEAST_INACTIVITY_SECONDS, { min: 1 });
  if (seconds < LEAST_INACTIVITY_SECONDS) {
    const what = `POP3_INACTIVITY_TIMEOUT=${seconds} is less than RFC 1939 allows`;
    settings.warning('POP3_INACTIVITY_TIMEOUT', what, `clients expect ${LEAST_INACTIVITY_SECONDS} or more`);
  }
  return seconds;
}

/** As in Courier, POP3AUTH_TLS is used in place of POP3AUTH where it says something. */
function readMechanisms(settings: Settings): Pick<SessionSettings, 'mechanisms' | 'mechanismsTls'> {
  const mechanisms = readMechanismList(settings, 'POP3AUTH');
  const withTls = readMechanismList(settings, 'POP3AUTH_TLS');
  return { mechanisms, mechanismsTls: withTls.length === 0 ? mechanisms : withTls };
}

function readMechanismList(settings: Settings, name: string): string[] {
  const words = settings.text(name, '').toUpperCase().split(/\s+/);
  const mechanisms = words.filter((word) => word !== '');
  const unknown = mechanisms.filter((mechanism) => !SASL_MECHANISMS.includes(mechanism));
  if (unknown.length > 0) {
    const remedy = `the mechanisms are ${SASL_MECHANISMS.join(', ')}`;
    settings.warning(name, `${name}: ${unknown.join(', ')} cannot be done`, remedy);
  }
  return mechanisms;
}

function readExpire(settings: Settings): Pick<SessionSettings, 'expire'> {
  const expire = settings.textOrNone('POP3_EXPIRE', 'NEVER');
  if (expire === undefined) return {};
  if (/^(NEVER|\d{1,5})( USER)?$/.test(expire)) return { expire };
  const remedy = 'write NEVER, or a number of days, or nothing';
  settings.problem('POP3_EXPIRE', `POP3_EXPIRE=${expire} is not what RFC 2449 knows`, remedy);
  return {};
}

function readDebugFile(settings: Settings): Pick<SessionSettings, 'debugFile'> {
  const debugFile = settings.optionalText('POP3DEBUGFILE');
  if (debugFile === undefined) return {};
  if (/^[^./:][^/:]*$/.test(debugFile)) return { debugFile };
  const what = `POP3DEBUGFILE=${debugFile} is no name`;
  settings.problem('POP3DEBUGFILE', what, 'write a name without a path: pop3log.dat');
  return {};
}

function readMessageType(settings: Settings): string {
  const type = settings.text('MIME_UNICODE_MESSAGE_TYPE', 'message/global');
  if (/^[\w.+-]+\/[\w.+-]+$/.test(type)) return type;
  const what = `MIME_UNICODE_MESSAGE_TYPE=${type} is no media type`;
  settings.problem('MIME_UNICODE_MESSAGE_TYPE', what, 'write message/global or message/rfc822');
  return 'message/global';
}
