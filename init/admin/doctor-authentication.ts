/**
 * authdaemond: its settings, who may ask it, whether it answers, and whether its modules reach what they need; and one
 * account, with its maildir.
 */
import { existsSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { AuthClient } from '../../authdaemon/client.js';
import { moduleStates } from '../../authdaemon/module-states.js';
import { readAuthdaemonSettings, socketPathOf } from '../../authdaemon/settings.js';
import { logTo } from '../runtime/log/log.js';
import { realClock } from '../runtime/system/real-clock.js';
import { type Finding, ok, settingsFindings, trouble, warning } from './finding.js';

const ABOUT = 'authdaemond';

/** PAM's services for these protocols. */
const PAM_SERVICES = ['imap', 'pop3'];

/** Examines authdaemond. */
export async function authenticationFindings(directory: string): Promise<Finding[]> {
  const settings = readAuthdaemonSettings(directory);
  const found = settingsFindings(ABOUT, settings.file.problems, settings.file.warnings);
  if (settings.file.problems.length > 0) return found;
  const log = logTo(() => undefined);
  const states = await moduleStates(settings, { configDirectory: directory, log, after: realClock.after });
  for (const { name, isBuiltIn, isEnabled, trouble: why } of states) {
    if (!isEnabled) continue;
    if (!isBuiltIn) found.push(warning(ABOUT, `${name}: there is no such module; take it out of authmodulelist`));
    else found.push(why === undefined ? ok(ABOUT, `${name} can be asked`) : trouble(ABOUT, `${name}: ${oneLine(why)}`));
    if (name === 'authpam') found.push(...pamFindings());
  }
  return [...found, ...(await socketFindings(settings.directory))];
}

function pamFindings(): Finding[] {
  const missing = PAM_SERVICES.filter((service) => !existsSync(join('/etc/pam.d', service)));
  return missing.map((service) => warning(ABOUT, `authpam: /etc/pam.d/${service} is missing, so "other" is asked`));
}

async function socketFindings(directory: string): Promise<Finding[]> {
  const socketPath = socketPathOf(directory);
  const answer = await new AuthClient({ socketPath }).lookup('login', '/');
  if (answer.kind === 'temporary failure' && /ENOENT|ECONNREFUSED/.test(answer.reason)) {
    return [trouble(ABOUT, `nobody answers on ${socketPath}; start it with authdaemond start, or systemctl`)];
  }
  if (answer.kind === 'temporary failure' && /EACCES/.test(answer.reason)) {
    return [warning(ABOUT, `${socketPath} is not for this user; examine as root`)];
  }
  const isOpen = (statSync(directory).mode & 0o007) !== 0;
  const open = `everybody on this machine may ask for passwords; chmod 0750 ${directory}`;
  return [ok(ABOUT, `answers on ${socketPath}`), ...(isOpen ? [trouble(ABOUT, open)] : [])];
}

/** Examines what an account needs; `defaultMaildir` is MAILDIRPATH. */
export async function accountFindings(directory: string, user: string, defaultMaildir: string): Promise<Finding[]> {
  const about = `account ${oneLine(user)}`;
  const socketPath = socketPathOf(readAuthdaemonSettings(directory).directory);
  const answer = await new AuthClient({ socketPath }).lookup('imap', user);
  if (answer.kind === 'rejected') {
    return [trouble(about, `authdaemond knows nobody of this name; authtest -v ${oneLine(user)} tells who was asked`)];
  }
  if (answer.kind !== 'account') return [trouble(about, 'authdaemond could not say whether there is one')];
  const { uid, gid, home, maildir } = answer.account;
  const path = maildir === undefined || !isAbsolute(maildir) ? resolve(home, maildir ?? defaultMaildir) : maildir;
  if (!existsSync(path)) return [trouble(about, `${path} does not exist; make it with maildirmake, as uid ${uid}`)];
  const wrong = ['', 'cur', 'new', 'tmp'].flatMap((part) => partFindings(about, join(path, part), uid, gid));
  return wrong.length > 0 ? wrong : [ok(about, `${path} belongs to uid ${uid}, gid ${gid}`)];
}

function partFindings(about: string, path: string, uid: number | undefined, gid: number | undefined): Finding[] {
  if (!existsSync(path)) return [trouble(about, `${path} is missing: this is no maildir; make it with maildirmake`)];
  const owner = statSync(path);
  if (owner.uid === uid && owner.gid === gid) return [];
  const remedy = `chown -R ${uid}:${gid} it`;
  return [trouble(about, `${path} belongs to ${owner.uid}:${owner.gid}, and the account is ${uid}:${gid}; ${remedy}`)];
}

function oneLine(text: string): string {
  return text.replaceAll(/[\x00-\x1f\x7f]+/g, ' ');
}
