/**
 * `imapd MAILDIR`: one session on standard input and output, for somebody who is logged in already (over ssh, say).
 *
 * The log goes to standard error. It starts no process and asks nobody for a password.
 */
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { Duplex } from 'node:stream';
import { LEVEL_PREFIXES, logTo } from '../../init/runtime/log/log.js';
import { ProgramFailure, settingsDirectory } from '../../init/runtime/program.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
import { MaildirError } from '../../maildir/errors.js';
import { realFileSystem } from '../../maildir/file-system.js';
import type { Maildir } from '../../maildir/maildir.js';
import type { MaildirStore } from '../../maildir/maildir-store.js';
import { cacheOptions, FactCache } from '../cache/fact-cache.js';
import { capabilityCode } from '../capability.js';
import { mailStore } from '../mail-store.js';
import { serveSession } from '../session/dialogue.js';
import { Session } from '../session/session.js';
import { loginLine } from '../session/session-log.js';
import { readImapdSettings } from '../settings/settings-reader.js';
import { Sharing } from '../sharing/sharing.js';
import { serveSmap } from '../smap/dialogue.js';
import { encodeCompletion, encodeUntagged } from '../wire/responses.js';
import { SMAP_TAG } from '../wire/smap-tag.js';

/**
 * Serves the one session until it is over. Settings are those of `directory`, or the usual ones.
 *
 * @throws {ProgramFailure} when the maildir cannot be opened.
 */
export async function servePreauth(maildirPath: string, directory = settingsDirectory()): Promise<void> {
  const settings = readImapdSettings(directory).configuration.sessionSettings;
  const log = logTo((level, line) => void process.stderr.write(`${LEVEL_PREFIXES[level]}${line}\n`));
  const store = mailStore(settings, realClock, (text) => log.write('warning', text));
  const facts = new FactCache({
    ...cacheOptions(settings),
    fileSystem: realFileSystem,
    clock: realClock,
    // Only the supervisor can make the directory; whoever started this by hand cannot do anything about it.
    warn: () => undefined,
  });
  const path = resolve(maildirPath);
  const maildir = open(store, path);
  const { username, uid, gid, homedir: home } = userInfo();
  const session = new Session({
    stream: Duplex.from({ readable: process.stdin, writable: process.stdout }),
    unread: Buffer.alloc(0),
    account: { address: process.env['AUTHENTICATED'] ?? username, home, maildir: path, uid, gid, options: {} },
    remote: { ip: process.env['TCPREMOTEIP'] ?? '127.0.0.1', port: Number(process.env['TCPREMOTEPORT'] ?? 0) || 0 },
    tls: false,
    maildir,
    facts,
    settings,
    log,
    clock: realClock,
    sharing: new Sharing(store, realFileSystem),
  });
  maildir.purgeTmp();
  const code = capabilityCode(session.capabilityContext);
  // Courier's own login process says in the environment what the client speaks.
  if (settings.smap !== undefined && process.env['PROTOCOL'] === 'SMAP1') {
    session.write(encodeCompletion(SMAP_TAG, { status: 'OK', text: 'SMAP1 LOGIN Ok.' }));
    log.write('info', loginLine(session, 'SMAP1'));
    await serveSmap(session);
  } else {
    session.write(encodeUntagged({ status: 'PREAUTH', code, text: 'Ready.' }));
    log.write('info', loginLine(session));
    await serveSession(session);
  }
  await facts.close();
  await store.close();
}

function open(store: MaildirStore, path: string): Maildir {
  try {
    return store.open(path);
  } catch (error) {
    if (error instanceof MaildirError) throw new ProgramFailure(`${path}: ${error.kind}`);
    throw error;
  }
}
