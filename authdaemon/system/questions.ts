/**
 * What authdaemond asks its helper processes for PAM and the system's accounts, and what they answer. Travels as it is
 * over the channel between them, so passwords are plain text here.
 */

/** A question to worker.ts. */
export type SystemQuestion =
  | { readonly kind: 'authenticate'; readonly transaction: PamTransaction }
  | { readonly kind: 'change password'; readonly transaction: PamTransaction; readonly newPassword: string }
  | { readonly kind: 'find'; readonly loginName: string; readonly shadow: ShadowUse }
  | { readonly kind: 'enumerate' }
  /** Can libpam be used at all? */
  | { readonly kind: 'check' };

/** Whether shadow(5) is read, and whether it is a failure that only root may. */
export type ShadowUse = 'not' | 'if readable' | 'needed';

/** Somebody whom PAM is asked about. */
export interface PamTransaction {
  readonly service: string;
  readonly loginName: string;
  readonly password: string;
  readonly remoteIp?: string;
}

/** An account of the system, as getpwnam(3) and getspnam(3) give it. */
export interface SystemAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly gecos: string;
  /** The hash that is readable: from shadow, else from passwd; absent when none is. */
  readonly encryptedPassword?: string;
  /** Days of shadow(5); absent where there is no shadow entry. */
  readonly aging?: PasswordAging;
}

/** The fields of shadow(5) about time, in days since 1970 or numbers of days; -1 is "not set". */
export interface PasswordAging {
  readonly lastChange: number;
  readonly maxDays: number;
  readonly inactiveDays: number;
  readonly expires: number;
}

/** What PAM said in the end. */
export interface PamOutcome {
  /** Which call said it. */
  readonly phase: 'start' | 'authenticate' | 'account' | 'change';
  /** A code of Linux-PAM; 0 is yes. */
  readonly code: number;
  /** pam_strerror's text for the code. */
  readonly text: string;
  /** Texts that modules showed; for the debug log. */
  readonly messages: readonly string[];
  /** How long modules want a refusal to be held back. */
  readonly delayMs: number;
  /** The user's name afterwards; modules may change it. */
  readonly user?: string;
}

/** An answer of worker.ts. */
export type SystemAnswer =
  | { readonly kind: 'pam'; readonly outcome: PamOutcome; readonly account?: SystemAccount }
  | { readonly kind: 'found'; readonly account: SystemAccount }
  | { readonly kind: 'unknown' }
  /** uid 0 has no mailbox here; PAM was not asked. */
  | { readonly kind: 'superuser' }
  | { readonly kind: 'list'; readonly accounts: readonly SystemAccount[] }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly reason: string };
