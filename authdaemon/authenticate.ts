/**
 * Asks the modules in the order of authmodulelist, until one knows the account or cannot say now.
 *
 * A module that says no is followed by the next one. A module that fails for now ends the search: the account may well
 * be its own. Knows no sockets.
 */
import { type Log, logValue } from '../init/runtime/log.js';
import { type Account, type AccountOptions, formatOptions, mergeDefaultOptions } from './account.js';
import type {
  AuthenticateRequest,
  AuthModule,
  ChangeAnswer,
  ChangePasswordRequest,
  LookupRequest,
  ModuleAnswer,
  TemporaryFailure,
} from './modules/module.js';

/** The modules in their order, and what is said about all their accounts. */
export interface ModuleChain {
  readonly modules: readonly AuthModule[];
  /** DEFAULTOPTIONS. */
  readonly defaultOptions: AccountOptions;
  readonly debugLogin: 0 | 1 | 2;
  readonly log: Log;
}

/** What one module said when it was asked; `reason` of a no and of a failure. */
export interface ModuleStep {
  readonly module: string;
  readonly said: 'account' | 'rejected' | 'temporary failure' | 'changed';
  readonly reason?: string;
}

/** The answer of all modules together, and how it came about. */
export interface Verdict<Answer> {
  readonly answer: Answer;
  /** In the order in which the modules were asked. */
  readonly steps: readonly ModuleStep[];
}

/** Checks somebody's credentials. */
export async function authenticate(chain: ModuleChain, request: AuthenticateRequest): Promise<Verdict<ModuleAnswer>> {
  const from = request.remoteIp === undefined ? '' : `, ip=[${logValue(request.remoteIp)}]`;
  const what = `service=${logValue(request.service)}, authtype=${logValue(request.authType)}`;
  debug(chain, `received auth request, ${what}${from}`);
  return firstAnswer(chain, chain.modules, (module) => module.authenticate(request));
}

/** Looks an account up; `moduleName` is `.` for all modules, or the only one to ask. */
export async function lookup(
  chain: ModuleChain,
  moduleName: string,
  request: LookupRequest,
): Promise<Verdict<ModuleAnswer>> {
  debug(chain, `received userid lookup request: ${logValue(request.loginName)}`);
  const modules = moduleName === '.' ? chain.modules : chain.modules.filter(({ name }) => name === moduleName);
  return firstAnswer(chain, modules, (module) => module.lookup(request));
}

/** Changes a password in the first module that does it. */
export async function changePassword(
  chain: ModuleChain,
  request: ChangePasswordRequest,
): Promise<Verdict<ChangeAnswer>> {
  const steps: ModuleStep[] = [];
  let failure: ChangeAnswer | undefined;
  for (const module of chain.modules) {
    const answer = await guarded(chain, module, () => module.changePassword(request));
    steps.push(stepOf(module, answer));
    if (answer.kind === 'changed') return { answer, steps };
    if (answer.kind === 'temporary failure') failure ??= answer;
  }
  // A later module may change it although an earlier one is down: it checks the old password itself.
  return { answer: failure ?? { kind: 'rejected', reason: reasonsOf(steps) }, steps };
}

/** Tells what each module said, for a log line: `authuserdb: unknown account; authmysql: wrong password`. */
export function reasonsOf(steps: readonly ModuleStep[]): string {
  if (steps.length === 0) return 'no module was asked';
  return steps.map(({ module, said, reason }) => `${module}: ${reason ?? said}`).join('; ');
}

async function firstAnswer(
  chain: ModuleChain,
  modules: readonly AuthModule[],
  ask: (module: AuthModule) => Promise<ModuleAnswer>,
): Promise<Verdict<ModuleAnswer>> {
  const steps: ModuleStep[] = [];
  for (const module of modules) {
    debug(chain, `${module.name}: trying this module`);
    const answer = await guarded(chain, module, () => ask(module));
    steps.push(stepOf(module, answer));
    if (answer.kind === 'account') return { answer: accepted(chain, module, answer.account), steps };
    if (answer.kind === 'temporary failure') {
      debug(chain, `${module.name}: TEMPFAIL - no more modules will be tried`);
      return { answer, steps };
    }
    debug(chain, `${module.name}: REJECT - try next module`);
  }
  debug(chain, 'FAIL, all modules rejected');
  return { answer: { kind: 'rejected', reason: reasonsOf(steps) }, steps };
}

function stepOf({ name }: AuthModule, answer: ModuleAnswer | ChangeAnswer): ModuleStep {
  const step = { module: name, said: answer.kind };
  return 'reason' in answer ? { ...step, reason: answer.reason } : step;
}

/** A module that throws has a bug; nobody is rejected for that. */
async function guarded<Answer>(
  chain: ModuleChain,
  module: AuthModule,
  ask: () => Promise<Answer>,
): Promise<Answer | TemporaryFailure> {
  try {
    return await ask();
  } catch (error) {
    chain.log.bug(error, module.name);
    return { kind: 'temporary failure', reason: `${module.name} has failed; its log has more` };
  }
}

function accepted(chain: ModuleChain, module: AuthModule, account: Account): ModuleAnswer {
  debug(chain, `${module.name}: ${describeAccount(account)}`);
  debug(chain, `Authenticated: ${describeAccount(account)}`);
  if (chain.debugLogin >= 2) {
    const clear = account.clearPassword === undefined ? '<null>' : logValue(account.clearPassword.reveal());
    debug(chain, `Authenticated: clearpasswd=${clear}, passwd=${account.encryptedPassword ?? '<null>'}`);
  }
  const options = mergeDefaultOptions(account.options, chain.defaultOptions);
  return { kind: 'account', account: { ...account, options } };
}

/** Courier's words for an account in the log; without passwords. */
function describeAccount(account: Account): string {
  const value = (text: string | undefined): string => (text === undefined ? '<null>' : logValue(text));
  const options =
    account.options.length === 0 ? '<null>' : formatOptions(account.options).replace(/[^\x21-\x7e]/g, '?');
  return [
    `sysusername=${value(account.systemUser)}, sysuserid=${account.uid}, sysgroupid=${account.gid}`,
    `homedir=${value(account.home)}, address=${value(account.address)}, fullname=${value(account.fullName)}`,
    `maildir=${value(account.maildir)}, quota=${value(account.quota)}, options=${options}`,
  ].join(', ');
}

function debug(chain: ModuleChain, text: string): void {
  if (chain.debugLogin >= 1) chain.log.write('debug', text);
}
