/**
 * The settings file `authlearnrc`: the server that knows the passwords, and the module that is to know them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../../init/runtime/settings/settings-file.js';
import { readRcFile } from '../rc-file.js';
import { methodHint } from '../secrets/hash-strength.js';
import type { ImapServer } from './imap-login.js';

/** Modules that can write passwords. */
const MODULES = ['authuserdb', 'authmysql', 'authpgsql', 'authldap'] as const;
const DEFAULT_LIMIT_SECONDS = 10;
/** A caller of authdaemond waits 30 s. */
const MAX_LIMIT_SECONDS = 20;

/** The module whose accounts learn. */
export type LearningModule = (typeof MODULES)[number];

/** The settings, read. */
export interface LearnSettings {
  readonly server: ImapServer;
  readonly moduleName: LearningModule;
  /** For hashPassword(). */
  readonly method: string;
}

/** Reads the settings; for RcFile. */
export function interpretLearnSettings(settings: Settings): LearnSettings {
  const tls = settings.choice('LEARN_IMAP_TLS', 'starttls', ['starttls', 'implicit', 'none']);
  const place = readPlace(settings, tls === 'implicit' ? 993 : 143);
  if (tls === 'none' && !/^(127\..*|::1|localhost)$/.test(place.host)) {
    const remedy = 'write starttls or implicit, or use a tunnel that ends on this machine';
    settings.problem(
      'LEARN_IMAP_TLS',
      `LEARN_IMAP_TLS=none would send passwords to ${place.host} in the clear`,
      remedy,
    );
  }
  const authorities = readAuthorities(settings);
  const limitMs = settings.integer('LEARN_TIMEOUT', DEFAULT_LIMIT_SECONDS, { min: 1, max: MAX_LIMIT_SECONDS }) * 1000;
  const server = { ...place, tls, limitMs, ...(authorities === undefined ? {} : { authorities }) };
  if (settings.optionalText('LEARN_MODULE') === undefined) {
    settings.problem('LEARN_MODULE', 'LEARN_MODULE is missing', `write one of ${MODULES.join(', ')}`);
  }
  const moduleName = settings.choice('LEARN_MODULE', 'authuserdb', MODULES);
  return { server, moduleName, method: readMethod(settings) };
}

/** The path of the settings file. */
export function learnSettingsPath(configDirectory: string): string {
  return join(configDirectory, 'authlearnrc');
}

/** Looks for mistakes in the file; for `--check`. */
export function checkLearnSettings(configDirectory: string) {
  return readRcFile(learnSettingsPath(configDirectory), interpretLearnSettings);
}

function readPlace(settings: Settings, defaultPort: number): { readonly host: string; readonly port: number } {
  const text = settings.text('LEARN_IMAP_SERVER', '');
  const [, bracketed, name = '', portText] = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const host = bracketed ?? name;
  const port = Number(portText ?? defaultPort);
  if (host === '' || port < 1 || port > 65_535) {
    const what = text === '' ? 'LEARN_IMAP_SERVER is missing' : `LEARN_IMAP_SERVER ${text} is no server`;
    settings.problem('LEARN_IMAP_SERVER', what, 'write for example old.example.com:143 or [2001:db8::1]:993');
  }
  return { host, port };
}

function readAuthorities(settings: Settings): Buffer | undefined {
  const path = settings.optionalText('LEARN_IMAP_CACERT');
  if (path === undefined) return undefined;
  // It is the administrator who is told.
  try {
    return readFileSync(path);
  } catch (error) {
    const what = `LEARN_IMAP_CACERT ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`;
    settings.problem('LEARN_IMAP_CACERT', what, 'name a PEM file that authdaemond may read');
    return undefined;
  }
}

function readMethod(settings: Settings): string {
  const word = settings.text('LEARN_HASH', '$6$');
  const hint = methodHint(word);
  if (hint !== undefined) return hint;
  const remedy = 'write a method as authpasswd takes it: SSHA512, SCRAM-SHA-256, BLF-CRYPT, ARGON2ID, $6$, $y$';
  settings.problem('LEARN_HASH', `LEARN_HASH ${word} is no method that hashes are made with`, remedy);
  return '$6$';
}
