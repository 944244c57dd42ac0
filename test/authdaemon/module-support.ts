/**
 * A module of authdaemond for tests, without the daemon around it: a context with a log that can be looked at, and
 * requests as the daemon makes them.
 */

import type { AuthModule, ChangeAnswer, ModuleAnswer, ModuleContext } from '../../authdaemon/modules/module.js';
import { logTo } from '../../init/runtime/log/log.js';
import { Secret } from '../../init/runtime/secret.js';

/** A context whose log lines are kept. */
export interface TestContext extends ModuleContext {
  readonly lines: readonly string[];
}

/** Makes a context; three helpers at most, and every step in the log. */
export function moduleContext(configDirectory: string, lookupsAtOnce = 3): TestContext {
  const lines: string[] = [];
  const log = logTo((level, line) => lines.push(`${level} ${line}`));
  return { log, lines, debugLogin: 1, configDirectory, lookupsAtOnce };
}

/** Somebody logs in with a password. */
export function logIn(
  module: AuthModule,
  [loginName, password]: readonly [string, string],
  { service = 'imap', remoteIp = '192.0.2.7' } = {},
): Promise<ModuleAnswer> {
  const authData = Buffer.from(`${loginName}\n${password}\n`);
  return module.authenticate({ service, authType: 'login', authData, remoteIp });
}

/** Somebody changes his password. */
export function change(
  module: AuthModule,
  loginName: string,
  [oldPassword, newPassword]: readonly [string, string],
  service = 'imap',
): Promise<ChangeAnswer> {
  const passwords = { oldPassword: new Secret(oldPassword), newPassword: new Secret(newPassword) };
  return module.changePassword({ service, loginName, ...passwords });
}

/** The answer in short: the account's address, or what is said against it. */
export function inShort(answer: ModuleAnswer | ChangeAnswer): string {
  if (answer.kind === 'account') return answer.account.address;
  return answer.kind === 'changed' ? 'changed' : `${answer.kind}: ${answer.reason}`;
}

/** The names that a module lists, and why there are no more. */
export async function listedBy(module: AuthModule): Promise<string[]> {
  const names: string[] = [];
  for await (const item of module.enumerate()) {
    names.push(item.kind === 'account' ? item.account.name : `${item.kind}: ${item.reason}`);
  }
  return names;
}
