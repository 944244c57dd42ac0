/**
 * authpipe: a program of the site's own, `authProg` beside the settings, knows the accounts. It reads the requests of the
 * socket on its standard input, unchanged but for metadata, and writes the answers on its standard output (protocol.ts);
 * one process answers many, one after the other. `daemons` of them run at most.
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { HelperFailure, HelperPool } from '../helpers/helper-pool.js';
import { ProgramHelper, type ProgramHelperOptions, type ProgramQuestion } from '../helpers/program-helper.js';
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
import { hasControls } from '../octet-text.js';
import { formatRequest, MAX_ANSWER_OCTETS, type Request, readAnswer } from '../protocol.js';
import { readCredentials } from '../stores/credentials.js';
import { SystemHelpers } from '../system/system-helpers.js';
import { isWholeAnswer, readAuthProgAnswer, readAuthProgList } from './auth-prog-answer.js';

/** A caller of authdaemond waits 30 s: it should hear of a program that hangs. */
const LIMIT_MS = 20_000;
/** A list longer than that is not read into memory. */
const MAX_LIST_OCTETS = 33_554_432;

const NOT_EXECUTABLE: Rejection = { kind: 'rejected', reason: 'authProg is not executable' };

/** Times that tests shorten. */
export type PipeTimes = Partial<Pick<ProgramHelperOptions, 'limitMs' | 'endMs'>>;

/** The module `authpipe`. */
export class PipeModule implements AuthModule {
  readonly name = 'authpipe';
  readonly #context: ModuleContext;
  readonly #path: string;
  readonly #programs: HelperPool<ProgramQuestion, Buffer>;
  /** For answers that name a user of the system; starts no process before. */
  readonly #system: SystemHelpers;
  #toldOfMissing = false;

  constructor(context: ModuleContext, times: PipeTimes = {}) {
    this.#context = context;
    this.#path = join(context.configDirectory, 'authProg');
    this.#system = new SystemHelpers(this.name, context);
    const options: ProgramHelperOptions = {
      name: this.name,
      path: this.#path,
      environment: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        COURIER_CONFDIR: context.configDirectory,
      },
      limitMs: LIMIT_MS,
      log: context.log,
      ...times,
    };
    this.#programs = new HelperPool({ atMost: context.lookupsAtOnce, start: () => new ProgramHelper(options) });
  }

  async start(): Promise<void> {
    this.#isExecutable();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#programs.stop(), this.#system.stop()]);
  }

  async idle(): Promise<void> {
    this.#programs.idle();
    this.#system.idle();
  }

  async trouble(): Promise<string | undefined> {
    return this.#isExecutable() ? undefined : `${this.#path} is missing or not executable`;
  }

  authenticate(request: AuthenticateRequest): Promise<ModuleAnswer> {
    const { service, authType, authData } = request;
    const loginName = readCredentials(request)?.loginName ?? '';
    return this.#account({ kind: 'authenticate', service, authType, authData }, loginName);
  }

  lookup({ service, loginName }: LookupRequest): Promise<ModuleAnswer> {
    return this.#account({ kind: 'lookup', module: '.', service, loginName }, loginName);
  }

  async changePassword(request: ChangePasswordRequest): Promise<ChangeAnswer> {
    const { service, loginName, oldPassword, newPassword } = request;
    const answer = await this.#ask({ kind: 'change password', service, loginName, oldPassword, newPassword });
    if (!Buffer.isBuffer(answer)) return answer;
    if (answer.equals(Buffer.from('OK\n'))) return { kind: 'changed' };
    if (answer.equals(Buffer.from('FAIL\n'))) return { kind: 'rejected', reason: 'authProg says no' };
    const later = readAnswer(answer, true);
    const reason = later.kind === 'temporary failure' ? later.reason : 'the answer is neither OK nor FAIL';
    return { kind: 'temporary failure', reason: `authProg: ${reason}` };
  }

  async *enumerate(): AsyncIterable<EnumerateItem> {
    const answer = await this.#ask({ kind: 'enumerate' }, MAX_LIST_OCTETS);
    if (!Buffer.isBuffer(answer)) {
      if (answer.kind === 'temporary failure') yield answer;
      return;
    }
    for (const account of readAuthProgList(answer)) yield { kind: 'account', account };
  }

  async #account(request: Request, loginName: string): Promise<ModuleAnswer> {
    // Whoever has such a name has no account; authProg need not be able to tell.
    if (hasControls(loginName)) return { kind: 'rejected', reason: 'a control character in the login name' };
    const answer = await this.#ask(request);
    if (!Buffer.isBuffer(answer)) return answer;
    return readAuthProgAnswer(answer, loginName, (name) => this.#systemUser(name));
  }

  async #ask(request: Request, maxOctets = MAX_ANSWER_OCTETS): Promise<Buffer | Rejection | TemporaryFailure> {
    if (!this.#isExecutable()) return NOT_EXECUTABLE;
    const octets = formatRequest({ metadata: new Map(), request });
    if (octets === undefined) return { kind: 'rejected', reason: 'the request cannot be written for authProg' };
    this.#debug(`asking ${this.#path}`);
    // A program that ends, hangs or says too much is an answer here.
    try {
      return await this.#programs.ask({ octets, isWhole: isWholeAnswer, maxOctets });
    } catch (error) {
      if (error instanceof HelperFailure) return { kind: 'temporary failure', reason: `authProg: ${error.message}` };
      throw error;
    }
  }

  async #systemUser(name: string): Promise<{ uid: number; gid: number } | TemporaryFailure | undefined> {
    const answer = await this.#system.ask({ kind: 'find', loginName: name, shadow: 'not' });
    if (answer.kind === 'temporary failure') return answer;
    if (answer.kind === 'superuser') return { uid: 0, gid: 0 };
    return answer.kind === 'found' ? answer.account : undefined;
  }

  /** Told once, until it can be run again. */
  #isExecutable(): boolean {
    // The file may come and go while the daemon runs.
    try {
      accessSync(this.#path, constants.X_OK);
      this.#toldOfMissing = false;
      return true;
    } catch {
      if (!this.#toldOfMissing) this.#context.log.write('warning', `authpipe: ${this.#path} is not executable`);
      this.#toldOfMissing = true;
      return false;
    }
  }

  #debug(text: string): void {
    if (this.#context.debugLogin >= 1) this.#context.log.write('debug', `authpipe: ${text}`);
  }
}
