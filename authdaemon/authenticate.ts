/**
 * Asks the modules in the order of authmodulelist, until one knows the account or cannot say now.
 *
 * A module that says no is followed by the next one. A module that fails for now ends the search: the account may well
 * be its own. Each module has a queue of its own, so one that is slow makes nobody wait for another. Knows no sockets.
 */
import { type Log, logValue } from '../init/runtime/log/log.js';
import { durationsOf } from '../init/runtime/metrics/counts.js';
import { type Account, type AccountOptions, formatOptions, mergeDefaultOptions } from './account.js';
import type { LoginCache, LoginMemory } from './cache/login-cache.js';
import { type LookupQueue, type NotRun, QUEUE_FULL } from './lookup-queue.js';
import type {
  AuthenticateRequest,
  AuthModule,
  ChangeAnswer,
  ChangePasswordRequest,
  LookupRequest,
  ModuleAnswer,
  TemporaryFailure,
} from './modules/module.js';

/** A module, and the line before it. */
export interface QueuedModule {
  readonly module: AuthModule;
  readonly queue: LookupQueue;
}

/** The modules in their order, and what is said about all their accounts. */
export interface ModuleChain {
  readonly modules: readonly QueuedModule[];
  /** DEFAULTOPTIONS. */
  readonly defaultOptions: AccountOptions;
  readonly debugLogin: 0 | 1 | 2;
  /** TEMPFAIL: what other programs hear of one. */
  readonly temporaryFailure: 'silence' | 'fail';
  readonly log: Log;
  /** Logins that were good a moment ago; absent when none are remembered. */
  readonly cache?: LoginCache;
  /** Milliseconds, since whenever. */
  readonly now: () => number;
}

/** On whose behalf modules are asked. */
export interface Asker {
  /** Who shares a place in the lines before the modules: lineOf(). */
  readonly line: string;
  /** Aborted when the time of the request is over. */
  readonly signal: AbortSignal;
  /** By the chain's clock: no module is asked any more after that. */
  readonly startBefore: number;
  /** An explanation is wanted: modules are asked, whatever is remembered. */
  readonly explain: boolean;
  /** Called when there was no room to wait for a module. */
  full(module: string): void;
}

/** What one module said when it was asked; `reason` of a no and of a failure, or of a yes that was no usual one. */
export interface ModuleStep {
  readonly module: string;
  readonly said: 'account' | 'rejected' | 'temporary failure' | 'changed';
  readonly reason?: string;
  /** How long it took, waiting included. */
  readonly ms: number;
}

/** The answer of all modules together, and how it came about. */
export interface Verdict<Answer> {
  readonly answer: Answer;
  /** In the order in which the modules were asked. */
  readonly steps: readonly ModuleStep[];
  /** What an explanation adds to the steps. */
  readonly notes?: readonly string[];
}

/** Checks somebody's credentials. */
export async function authenticate(
  chain: ModuleChain,
  request: AuthenticateRequest,
  asker: Asker,
): Promise<Verdict<ModuleAnswer>> {
  const from = request.remoteIp === undefined ? '' : `, ip=[${logValue(request.remoteIp)}]`;
  const what = `service=${logValue(request.service)}, authtype=${logValue(request.authType)}`;
  debug(chain, `received auth request, ${what}${from}`);
  const memory = await chain.cache?.look(request);
  if (memory?.known !== undefined && !asker.explain) return rememberedAnswer(chain, memory.known);
  const verdict = await firstAnswer(chain, chain.modules, asker, (module) => module.authenticate(request), memory);
  if (memory?.known === undefined) return verdict;
  const note = `authdaemond remembers this login, and lets it in without asking for ${memory.known.secondsLeft} s more`;
  return { ...verdict, notes: [note] };
}

/** Looks an account up; `moduleName` is `.` for all modules, or the only one to ask. */
export async function lookup(
  chain: ModuleChain,
  moduleName: string,
  request: LookupRequest,
  asker: Asker,
): Promise<Verdict<ModuleAnswer>> {
  debug(chain, `received userid lookup request: ${logValue(request.loginName)}`);
  const modules = moduleName === '.' ? chain.modules : chain.modules.filter(({ module }) => module.name === moduleName);
  return firstAnswer(chain, modules, asker, (module) => module.lookup(request));
}

/** Changes a password in the first module that does it. */
export async function changePassword(
  chain: ModuleChain,
  request: ChangePasswordRequest,
  asker: Asker,
): Promise<Verdict<ChangeAnswer>> {
  const steps: ModuleStep[] = [];
  let failure: ChangeAnswer | undefined;
  for (const queued of chain.modules) {
    const { answer, step } = await ask(chain, queued, asker, () => queued.module.changePassword(request));
    steps.push(step);
    // Whatever came of it: the change may have been made although its answer is lost.
    if (answer.kind !== 'rejected') await chain.cache?.forget();
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
  modules: readonly QueuedModule[],
  asker: Asker,
  question: (module: AuthModule) => Promise<ModuleAnswer>,
  memory?: LoginMemory,
): Promise<Verdict<ModuleAnswer>> {
  const steps: ModuleStep[] = [];
  let delayMs = 0;
  let expired = false;
  for (const queued of modules) {
    const { name } = queued.module;
    debug(chain, `${name}: trying this module`);
    const { answer, step } = await ask(chain, queued, asker, () => question(queued.module));
    steps.push(step);
    if (answer.kind === 'account') {
      // One that is revoked must not be good for a moment longer, and each use counts.
      if (answer.appPassword === undefined) memory?.keep({ module: name, account: answer.account });
      return { answer: accepted(chain, name, answer.account), steps };
    }
    if (answer.kind === 'temporary failure') {
      debug(chain, `${name}: TEMPFAIL - no more modules will be tried`);
      return { answer, steps };
    }
    delayMs = Math.max(delayMs, answer.delayMs ?? 0);
    expired ||= answer.expired === true;
    debug(chain, `${name}: REJECT - try next module`);
  }
  debug(chain, 'FAIL, all modules rejected');
  const reason = reasonsOf(steps);
  return { answer: { kind: 'rejected', reason, delayMs, ...(expired ? { expired } : {}) }, steps };
}

function rememberedAnswer(
  chain: ModuleChain,
  { module, account }: { readonly module: string; readonly account: Account },
): Verdict<ModuleAnswer> {
  debug(chain, `${module}: remembered`);
  const step = { module, said: 'account', reason: 'remembered', ms: 0 } as const;
  return { answer: accepted(chain, module, account), steps: [step] };
}

/** Asks one module when it is the asker's turn there. */
async function ask<Answer extends ModuleAnswer | ChangeAnswer>(
  chain: ModuleChain,
  { module, queue }: QueuedModule,
  asker: Asker,
  question: () => Promise<Answer>,
): Promise<{ readonly answer: Answer | TemporaryFailure; readonly step: ModuleStep }> {
  const began = chain.now();
  const task = async (): Promise<Answer | TemporaryFailure | 'late'> =>
    chain.now() > asker.startBefore ? 'late' : inTime(guarded(chain, module, question), asker.signal);
  const said = await queue.run(asker.line, task, asker.signal);
  if (said === 'full') asker.full(module.name);
  const answer = typeof said === 'string' ? failureOf(said) : said;
  const step = { module: module.name, said: answer.kind, ms: chain.now() - began };
  durationsOf('authdaemond_module_duration_seconds', { module: module.name }).add(step.ms / 1000);
  const reason = reasonOf(answer);
  return { answer, step: reason === undefined ? step : { ...step, reason } };
}

function reasonOf(answer: ModuleAnswer | ChangeAnswer): string | undefined {
  if (answer.kind !== 'account') return answer.kind === 'changed' ? undefined : answer.reason;
  return answer.appPassword === undefined ? undefined : `by the app password ${logValue(answer.appPassword)}`;
}

function failureOf(said: NotRun): TemporaryFailure {
  const reason = said === 'full' ? QUEUE_FULL : 'no answer in time';
  return { kind: 'temporary failure', reason };
}

/** A module that throws has a bug; nobody is rejected for that. */
async function guarded<Answer>(
  chain: ModuleChain,
  module: AuthModule,
  question: () => Promise<Answer>,
): Promise<Answer | TemporaryFailure> {
  try {
    return await question();
  } catch (error) {
    chain.log.bug(error, module.name);
    return { kind: 'temporary failure', reason: `${module.name} has failed; its log has more` };
  }
}

/** Gives up on a module that hangs, so that its place can be given back. Its answer, should one come, is dropped. */
function inTime<Answer>(answering: Promise<Answer>, signal: AbortSignal): Promise<Answer | 'late'> {
  return new Promise((resolve) => {
    const late = (): void => resolve('late');
    if (signal.aborted) late();
    signal.addEventListener('abort', late);
    void answering.then((answer) => {
      signal.removeEventListener('abort', late);
      resolve(answer);
    });
  });
}

function accepted(chain: ModuleChain, module: string, account: Account): ModuleAnswer {
  if (chain.debugLogin >= 1) logAccount(chain, module, account);
  const options = mergeDefaultOptions(account.options, chain.defaultOptions);
  return { kind: 'account', account: { ...account, options } };
}

function logAccount(chain: ModuleChain, module: string, account: Account): void {
  const description = describeAccount(account);
  debug(chain, `${module}: ${description}`);
  debug(chain, `Authenticated: ${description}`);
  if (chain.debugLogin < 2) return;
  const clear = account.clearPassword === undefined ? '<null>' : logValue(account.clearPassword.reveal());
  debug(chain, `Authenticated: clearpasswd=${clear}, passwd=${account.encryptedPassword ?? '<null>'}`);
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
