/**
 * Linux-PAM through koffi: one transaction at a time, synchronously. Modules block (a hash, a network, a script), and many
 * are not safe in threads, hence a process of its own (worker.ts), which may hang or crash.
 *
 * No credentials are established and no session is opened, as with Courier. A delay that modules ask for after a failure
 * is not slept here; it is told, so that nobody else waits for it.
 */
import koffi from 'koffi';
import { cString, textAt } from './name-service.js';
import type { PamOutcome, PamTransaction } from './questions.js';

/** libpam is not there. */
export class PamUnavailable extends Error {}

const SUCCESS = 0;
const BUFFER_ERROR = 5;
const CONVERSATION_ERROR = 19;
const PROMPT_ECHO_OFF = 1;
const PROMPT_ECHO_ON = 2;
/** PAM_USER, PAM_RHOST, PAM_FAIL_DELAY of pam_set_item(3). */
const USER_ITEM = 2;
const REMOTE_HOST_ITEM = 4;
const FAIL_DELAY_ITEM = 10;
/** PAM_DISALLOW_NULL_AUTHTOK: an empty password is never right. Not PAM_SILENT: what modules say is for the log. */
const NO_EMPTY_PASSWORD = 0x0001;
/** PAM_MAX_NUM_MSG. */
const MAX_MESSAGES = 32;
/** A module that asks again and again is not going to be satisfied. */
const MAX_PROMPTS = 16;
/** Texts kept for the debug log. */
const MAX_TEXTS = 20;
/** Where passwd(1) has its rules. */
const PASSWORD_SERVICE = 'passwd';

type Handle = unknown;

interface Library {
  readonly start: (service: Buffer, user: Buffer, conversation: object, handle: [Handle]) => number;
  readonly authenticate: (handle: Handle, flags: number) => number;
  readonly account: (handle: Handle, flags: number) => number;
  readonly change: (handle: Handle, flags: number) => number;
  readonly setItem: (handle: Handle, item: number, value: Buffer) => number;
  readonly setDelay: (handle: Handle, item: number, value: unknown) => number;
  readonly getItem: (handle: Handle, item: number, value: [unknown]) => number;
  readonly describe: (handle: Handle, code: number) => string | null;
  readonly end: (handle: Handle, code: number) => number;
}

/** What the callbacks of the transaction under way need, and what they note. */
interface Conversation {
  readonly loginName: string;
  /** What echo-off prompts get, in their order; the last one again and again. */
  readonly passwords: readonly string[];
  prompts: number;
  delayMs: number;
  readonly messages: string[];
}

const libc = koffi.load('libc.so.6');
const calloc = libc.func('void *calloc(size_t count, size_t size)');
const strdup = libc.func('void *strdup(const uint8_t *text)');
const setRealUid = libc.func('int setreuid(int real, int effective)');

let library: Library | undefined;
let callbacks: { readonly converse: unknown; readonly delay: unknown } | undefined;
let conversation: Conversation | undefined;

/** Loads libpam, if that has not been done. @throws {PamUnavailable} */
export function loadPam(): void {
  pam();
}

/** Asks PAM whether the password is right, and then whether the account may be used. @throws {PamUnavailable} */
export function authenticate(transaction: PamTransaction): PamOutcome {
  const { service, loginName, password } = transaction;
  return transact(service, transaction, { loginName, passwords: [password] }, (handle) => {
    const code = pam().authenticate(handle, NO_EMPTY_PASSWORD);
    if (code !== SUCCESS) return { phase: 'authenticate', code };
    return { phase: 'account', code: pam().account(handle, NO_EMPTY_PASSWORD) };
  });
}

/**
 * Changes a password as passwd(1) does for the user himself: with his uid as the real one PAM asks for the old
 * password and holds him to the rules. The process is root again afterwards, and should not live on.
 *
 * @throws {PamUnavailable}
 */
export function changePassword(transaction: PamTransaction, newPassword: string, uid: number): PamOutcome {
  const { loginName, password } = transaction;
  const passwords = [password, newPassword];
  return transact(PASSWORD_SERVICE, transaction, { loginName, passwords }, (handle) => {
    if (setRealUid(uid, -1) !== 0) throw new PamUnavailable('only root can change passwords through PAM');
    // Not silently: its messages say what is wrong with a new password.
    const code = pam().change(handle, 0);
    setRealUid(0, -1);
    return { phase: 'change', code };
  });
}

function transact(
  service: string,
  { loginName, remoteIp }: PamTransaction,
  answers: Pick<Conversation, 'loginName' | 'passwords'>,
  run: (handle: Handle) => Pick<PamOutcome, 'phase' | 'code'>,
): PamOutcome {
  const { start, setItem, setDelay, end } = pam();
  const current: Conversation = { ...answers, prompts: 0, delayMs: 0, messages: [] };
  const { converse, delay } = registered();
  const handle: [Handle] = [null];
  conversation = current;
  const started = start(cString(service), cString(loginName), { conv: converse, appdata_ptr: null }, handle);
  if (started !== SUCCESS) return outcome(current, null, { phase: 'start', code: started });
  setDelay(handle[0], FAIL_DELAY_ITEM, delay);
  if (remoteIp !== undefined && remoteIp !== '') setItem(handle[0], REMOTE_HOST_ITEM, cString(remoteIp));
  const said = run(handle[0]);
  const result = outcome(current, handle[0], said);
  end(handle[0], said.code);
  conversation = undefined;
  return result;
}

function outcome(current: Conversation, handle: Handle, said: Pick<PamOutcome, 'phase' | 'code'>): PamOutcome {
  const { getItem, describe } = pam();
  const text = describe(handle, said.code) ?? `error ${said.code}`;
  const result = { ...said, text, messages: current.messages, delayMs: current.delayMs };
  if (handle === null || said.code !== SUCCESS) return result;
  const user: [unknown] = [null];
  getItem(handle, USER_ITEM, user);
  return { ...result, user: textAt(user[0]) };
}

/** The callbacks are registered once: there is only one transaction at a time. */
function registered(): { readonly converse: unknown; readonly delay: unknown } {
  callbacks ??= {
    converse: koffi.register(converse, 'pam_converse *'),
    delay: koffi.register(noteDelay, 'pam_delay *'),
  };
  return callbacks;
}

/** What modules ask and say. An exception would reach PAM as success without answers. */
function converse(count: number, messages: unknown, answersOut: unknown): number {
  try {
    return answerPrompts(count, messages, answersOut);
  } catch {
    return CONVERSATION_ERROR;
  }
}

function answerPrompts(count: number, messages: unknown, answersOut: unknown): number {
  const current = conversation;
  if (current === undefined || count <= 0 || count > MAX_MESSAGES) return CONVERSATION_ERROR;
  const pointerOctets = koffi.sizeof('void *');
  // struct pam_response { char *resp; int resp_retcode; }; PAM frees it and its strings: hence the C library's memory.
  const answers = calloc(count, 2 * pointerOctets);
  if (answers === null) return BUFFER_ERROR;
  // Linux-PAM gives an array of pointers.
  const list = koffi.decode(messages, 'void *', count) as unknown[];
  let code = SUCCESS;
  for (const [index, pointer] of list.entries()) {
    const { msg_style, msg } = koffi.decode(pointer, 'pam_message') as { msg_style: number; msg: unknown };
    const answer = answerTo(current, msg_style, msg);
    if (answer === false) code = CONVERSATION_ERROR;
    else if (answer !== undefined) koffi.encode(answers, index * 2 * pointerOctets, 'void *', strdup(cString(answer)));
  }
  koffi.encode(answersOut, 'void *', answers);
  return code;
}

/** The answer to a prompt, undefined to a text, false when nothing more will be answered. */
function answerTo(current: Conversation, style: number, message: unknown): string | false | undefined {
  if (style === PROMPT_ECHO_ON) return current.loginName;
  if (style !== PROMPT_ECHO_OFF) {
    if (current.messages.length < MAX_TEXTS) current.messages.push(textAt(message));
    return undefined;
  }
  if (current.prompts >= MAX_PROMPTS) return false;
  const { passwords } = current;
  const answer = passwords[Math.min(current.prompts, passwords.length - 1)];
  current.prompts += 1;
  return answer ?? false;
}

function noteDelay(code: number, microseconds: number): void {
  if (code !== SUCCESS && conversation !== undefined) conversation.delayMs = microseconds / 1000;
}

function pam(): Library {
  if (library !== undefined) return library;
  // A library of the system that need not be there.
  try {
    library = loadLibrary();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PamUnavailable(`libpam.so.0 does not load (install libpam0g): ${reason}`);
  }
  return library;
}

function loadLibrary(): Library {
  const shared = koffi.load('libpam.so.0');
  koffi.struct('pam_message', { msg_style: 'int', msg: 'void *' });
  koffi.proto('int pam_converse(int count, void *messages, void *answers, void *data)');
  koffi.proto('void pam_delay(int code, unsigned int microseconds, void *data)');
  koffi.struct('pam_conv', { conv: 'pam_converse *', appdata_ptr: 'void *' });
  return {
    start: shared.func(
      'int pam_start(const uint8_t *service, const uint8_t *user, const pam_conv *conversation, _Out_ void **handle)',
    ),
    authenticate: shared.func('int pam_authenticate(void *handle, int flags)'),
    account: shared.func('int pam_acct_mgmt(void *handle, int flags)'),
    change: shared.func('int pam_chauthtok(void *handle, int flags)'),
    setItem: shared.func('pam_set_item', 'int', ['void *', 'int', 'const uint8_t *']),
    setDelay: shared.func('pam_set_item', 'int', ['void *', 'int', 'pam_delay *']),
    getItem: shared.func('int pam_get_item(void *handle, int item, _Out_ void **value)'),
    describe: shared.func('const char *pam_strerror(void *handle, int code)'),
    end: shared.func('int pam_end(void *handle, int code)'),
  };
}
