/**
 * The helper process for PAM and the system's accounts: one question over the channel, one answer, one after the other.
 *
 * Everything here blocks, may hang and may crash with a module of PAM; authdaemond then kills it and starts another. It
 * ends with its parent, even in the middle of a call that hangs.
 */
import koffi from 'koffi';
import { findAccount, listAccounts } from './name-service.js';
import { authenticate, changePassword, loadPam } from './pam.js';
import type { SystemAccount, SystemAnswer, SystemQuestion } from './questions.js';

/** PR_SET_PDEATHSIG of prctl(2), and SIGKILL. */
const PARENT_DEATH_SIGNAL = 1;
const KILL = 9;
/** Accounts below are the system's own; the same bound as Courier's. */
const LEAST_ENUMERATED_UID = 100;

dieWithParent();
process.title = `authdaemond: ${process.argv[2] ?? 'helper'}`;
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group; the daemon decides what it means.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
process.on('message', (message) => {
  process.send?.(answer(message as SystemQuestion));
});

function dieWithParent(): void {
  const parent = process.ppid;
  koffi.load('libc.so.6').func('int prctl(int option, unsigned long argument)')(PARENT_DEATH_SIGNAL, KILL);
  // It may have died before it was asked for.
  if (process.ppid !== parent) process.exit(0);
}

function answer(question: SystemQuestion): SystemAnswer {
  // The one place where errors of the libraries end: as an answer.
  try {
    return answerTo(question);
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}

function answerTo(question: SystemQuestion): SystemAnswer {
  switch (question.kind) {
    case 'authenticate':
      return check(question);
    case 'change password':
      return change(question);
    case 'find': {
      const account = findAccount(question.loginName, question.shadow);
      if (account === undefined) return { kind: 'unknown' };
      return account.uid === 0 ? { kind: 'superuser' } : { kind: 'found', account };
    }
    case 'enumerate':
      return { kind: 'list', accounts: listAccounts().filter(({ uid }) => uid >= LEAST_ENUMERATED_UID) };
    case 'check':
      loadPam();
      return { kind: 'ready' };
  }
}

function check({ transaction }: Extract<SystemQuestion, { kind: 'authenticate' }>): SystemAnswer {
  // Before PAM is asked: whether root's password was right must not show in the time it takes.
  if (findAccount(transaction.loginName, 'not')?.uid === 0) return { kind: 'superuser' };
  const outcome = authenticate(transaction);
  const account = findAccount(outcome.user ?? transaction.loginName, 'if readable');
  if (account?.uid === 0) return { kind: 'superuser' };
  return withAccount({ kind: 'pam', outcome }, account);
}

function change({ transaction, newPassword }: Extract<SystemQuestion, { kind: 'change password' }>): SystemAnswer {
  const account = findAccount(transaction.loginName, 'not');
  if (account === undefined) return { kind: 'unknown' };
  if (account.uid === 0) return { kind: 'superuser' };
  const outcome = changePassword(transaction, newPassword, account.uid);
  return withAccount({ kind: 'pam', outcome }, account);
}

function withAccount(
  answered: Extract<SystemAnswer, { kind: 'pam' }>,
  account: SystemAccount | undefined,
): SystemAnswer {
  return account === undefined ? answered : { ...answered, account };
}
