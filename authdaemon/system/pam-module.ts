/**
 * authpam: PAM decides; the account is the system's (getpwnam). The service of PAM is the mail service's name, as with
 * Courier: `imap` stands in /etc/pam.d/imap.
 *
 * PAM runs in helper processes (worker.ts), `daemons` of them at most.
 */
import { type LogLevel, logValue } from '../../init/runtime/log/log.js';
import type {
  AuthenticateRequest,
  AuthModule,
  ChangeAnswer,
  ChangePasswordRequest,
  EnumerateItem,
  LookupRequest,
  ModuleAnswer,
  ModuleContext,
  Rejection,
  TemporaryFailure,
} from '../modules/module.js';
import { UNKNOWN_ACCOUNT } from '../modules/module.js';
import { hasControls } from '../octet-text.js';
import { readLoginData } from '../protocol.js';
import { pamChangeRefusal, pamRefusal } from './pam-codes.js';
import { hasScript, hasServiceFile, isServiceName } from './pam-services.js';
import type { PamOutcome, PamTransaction, SystemAnswer } from './questions.js';
import { accountFromSystem, isSystemName, SUPERUSER_REFUSED } from './system-account.js';
import { SystemHelpers } from './system-helpers.js';

/** PAM_NEW_AUTHTOK_REQD: the password is right, and has to be changed. */
const CHANGE_REQUIRED = 12;

const NOT_ROOT = 'authdaemond is not root: pam_unix then takes every password of another account for a wrong one';
/** Services are named by those who ask; more than these are not remembered. */
const MAX_SERVICES = 100;

type PamAnswer = Extract<SystemAnswer, { kind: 'pam' }>;

/** The module `authpam`. */
export class PamModule implements AuthModule {
  readonly name = 'authpam';
  readonly dependsOnAddress = true;
  readonly #context: ModuleContext;
  readonly #helpers: SystemHelpers;
  /** By service, the last delay that PAM asked for. */
  readonly #delaysMs = new Map<string, number>();
  /** Services without a file that the log has told of. */
  readonly #toldOf = new Set<string>();

  /** `limitMs` is how long PAM may take. */
  constructor(context: ModuleContext, limitMs?: number) {
    this.#context = context;
    this.#helpers = new SystemHelpers(this.name, context, limitMs);
  }

  async start(): Promise<void> {
    if (process.geteuid?.() !== 0) this.#log('warning', NOT_ROOT);
    this.#helpers.start();
  }

  stop(): Promise<void> {
    return this.#helpers.stop();
  }

  async idle(): Promise<void> {
    this.#helpers.idle();
  }

  trouble(): Promise<string | undefined> {
    return this.#helpers.trouble({ kind: 'check' });
  }

  async authenticate({ service, authType, authData, remoteIp }: AuthenticateRequest): Promise<ModuleAnswer> {
    if (authType !== 'login') return { kind: 'rejected', reason: 'PAM knows only logins with a password' };
    const login = readLoginData(authData);
    if (login === undefined) return { kind: 'rejected', reason: 'the data of the login is damaged' };
    const transaction = transactionOf({ service, remoteIp }, login.loginName, login.password.reveal());
    if ('kind' in transaction) return transaction;
    const answer = await this.#ask(transaction);
    if (answer.kind !== 'pam') return answer;
    if (answer.outcome.code !== 0) return this.#refusal(transaction, answer);
    if (answer.account === undefined) return UNKNOWN_ACCOUNT;
    return { kind: 'account', account: { ...accountFromSystem(answer.account), clearPassword: login.password } };
  }

  async lookup({ loginName }: LookupRequest): Promise<ModuleAnswer> {
    if (hasControls(loginName) || !isSystemName(loginName)) return UNKNOWN_ACCOUNT;
    const answer = await this.#helpers.ask({ kind: 'find', loginName, shadow: 'if readable' });
    if (answer.kind === 'found') return { kind: 'account', account: accountFromSystem(answer.account) };
    if (answer.kind === 'temporary failure') return answer;
    return answer.kind === 'superuser' ? SUPERUSER_REFUSED : UNKNOWN_ACCOUNT;
  }

  async changePassword(request: ChangePasswordRequest): Promise<ChangeAnswer> {
    const { service, loginName, oldPassword, newPassword } = request;
    if (newPassword.reveal() === '') return { kind: 'rejected', reason: 'the new password is empty' };
    const transaction = transactionOf({ service }, loginName, oldPassword.reveal());
    if ('kind' in transaction) return transaction;
    const checked = await this.#ask(transaction);
    if (checked.kind !== 'pam') return checked;
    const { code } = checked.outcome;
    if (code !== 0 && code !== CHANGE_REQUIRED) return this.#refusal(transaction, checked);
    const change = { kind: 'change password', transaction, newPassword: newPassword.reveal() } as const;
    const answer = await this.#helpers.ask(change);
    if (answer.kind === 'temporary failure') return answer;
    if (answer.kind !== 'pam') return UNKNOWN_ACCOUNT;
    this.#describe(transaction, answer.outcome);
    return answer.outcome.code === 0 ? { kind: 'changed' } : pamChangeRefusal(answer.outcome);
  }

  enumerate(): AsyncIterable<EnumerateItem> {
    return this.#helpers.enumerate();
  }

  async #ask(transaction: PamTransaction): Promise<PamAnswer | Rejection | TemporaryFailure> {
    const answer = await this.#helpers.ask({ kind: 'authenticate', transaction });
    if (answer.kind === 'temporary failure') return answer;
    if (answer.kind === 'superuser') return SUPERUSER_REFUSED;
    if (answer.kind !== 'pam') return UNKNOWN_ACCOUNT;
    this.#describe(transaction, answer.outcome);
    return answer;
  }

  #refusal({ service }: PamTransaction, { outcome, account }: PamAnswer): Rejection | TemporaryFailure {
    const isOther = !hasServiceFile(service);
    if (isOther && !this.#toldOf.has(service) && this.#toldOf.size < MAX_SERVICES) {
      this.#toldOf.add(service);
      this.#log('warning', `there is no /etc/pam.d/${service}: PAM asks its service 'other'`);
    }
    const around = { isAccount: account !== undefined, hasScript: hasScript(service), isOther };
    const refusal = pamRefusal(outcome, around);
    const delayMs = this.#delayMs(service, outcome);
    return refusal.kind === 'temporary failure' || delayMs === 0 ? refusal : { ...refusal, delayMs };
  }

  /** Modules ask for none where there is no such account, or the account has expired: that must not show in time. */
  #delayMs(service: string, { delayMs }: PamOutcome): number {
    if (delayMs === 0) return this.#delaysMs.get(service) ?? 0;
    if (this.#delaysMs.size >= MAX_SERVICES) this.#delaysMs.clear();
    this.#delaysMs.set(service, delayMs);
    return delayMs;
  }

  #describe({ service, loginName }: PamTransaction, { phase, code, text, messages }: PamOutcome): void {
    if (this.#context.debugLogin < 1) return;
    for (const message of messages) this.#log('debug', `PAM says: ${message}`);
    const whom = `pam_service=${service}, pam_username=${logValue(loginName)}`;
    this.#log('debug', `${whom}: ${code === 0 ? 'successful' : `${phase} failed, result ${code} (${text})`}`);
  }

  #log(level: LogLevel, text: string): void {
    this.#context.log.write(level, `authpam: ${text}`);
  }
}

/** What PAM is asked, or why it is not. */
function transactionOf(
  { service, remoteIp }: { readonly service: string; readonly remoteIp?: string | undefined },
  loginName: string,
  password: string,
): PamTransaction | Rejection {
  if (!isServiceName(service)) return { kind: 'rejected', reason: 'the service is no name of a PAM service' };
  if (hasControls(loginName) || !isSystemName(loginName)) return UNKNOWN_ACCOUNT;
  if (hasControls(password)) return { kind: 'rejected', reason: 'PAM takes no control characters in passwords' };
  const transaction = { service, loginName, password };
  return remoteIp === undefined || hasControls(remoteIp) ? transaction : { ...transaction, remoteIp };
}
