/**
 * What IMAP sessions need to know of the settings in etc/imapd and etc/imapd-ssl: plain JSON that the supervisor sends
 * to login processes and mail workers. settings-reader.ts reads the files. It knows no file and no process.
 */
import type { LoginSettings } from '../../init/runtime/settings/login-settings.js';

/** Roles of RFC 6154 that a folder may be given by IMAP_SPECIALUSE. */
export type SpecialUse = '\\Drafts' | '\\Sent' | '\\Junk' | '\\Trash' | '\\Archive';

/** The folder that sends what is added to it. */
export interface OutboxSettings {
  /** `INBOX.Outbox` */
  readonly folderName: string;
  /** SENDMAIL */
  readonly sendmail: string;
  /** HEADERFROM: the field that names the account; empty for none. */
  readonly headerFrom: string;
  /** OUTBOX_MULTIPLE_SEND */
  readonly severalAtOnce: boolean;
  /** OUTBOX_DROPHEADERS, in small letters. */
  readonly droppedFields: readonly string[];
}

/** IMAP_SHAREDINDEXFILE as it is shipped. */
export const SHIPPED_INDEX_FILE = '/etc/courier/shared/index';

/** The account that AUTHENTICATE ANONYMOUS logs in. */
export interface AnonymousLogin {
  readonly loginName: string;
  readonly password: string;
}

/** The settings of sessions, before and after login. */
export interface SessionSettings extends LoginSettings {
  /** Only when the administrator wrote words of his own (IMAP_CAPABILITY): they are said as they are. */
  readonly capability?: string;
  /** The same for connections with TLS (IMAP_CAPABILITY_TLS). */
  readonly capabilityTls?: string;
  /** Mechanisms of AUTHENTICATE that IMAP_CAPABILITY names, in upper case: PLAIN and LOGIN need not be named. */
  readonly mechanisms: readonly string[];
  /** The same for connections with TLS. */
  readonly mechanismsTls: readonly string[];
  /** OAUTHBEARER and XOAUTH2 are offered: authoauthrc says whose tokens are believed. */
  readonly oauth: boolean;
  /** IMAP_ANONYMOUS; absent: nobody comes in without a name. */
  readonly anonymous?: AnonymousLogin;
  /** IMAP_SHAREDSEEN=0: in mailboxes of others each has a \Seen of his own. */
  readonly ownSeen: boolean;
  /** IMAP_ACL: access lists are announced. */
  readonly acl: boolean;
  /** IMAP_DISABLETHREADSORT: SORT and THREAD are refused. */
  readonly disableThreadSort: boolean;
  /** SMAP_CAPABILITY: what CAPABILITY says of SMAP, whose clients send with SENDMAIL; absent where nobody may speak it. */
  readonly smap?: { readonly capability: string; readonly sendmail: string };
  /** IMAP_CHECK_ALL_FOLDERS: LIST says \Marked for every folder, not only for INBOX. */
  readonly checkAllFolders: boolean;
  /** IMAP_OBSOLETE_CLIENT: LIST says \Noinferiors in place of \HasNoChildren. */
  readonly obsoleteClient: boolean;
  /** IMAP_ID_FIELDS: bits of what ID tells (1 version, 2 system, 4 system version). Undefined: only the name. */
  readonly idFields?: number;
  /** IMAP_KEYWORDS: 0, 1 or 2. */
  readonly keywords: 'off' | 'fast' | 'safe';
  /** IMAP_USELOCKS. */
  readonly useLocks: boolean;
  /** IMAP_SYNC: what was answered with OK is on the disk. */
  readonly durable: boolean;
  /** IMAP_CACHEDIR: each Unix user has a directory below it; none: what is learnt of messages stays in memory. */
  readonly cacheDirectory?: string;
  /** IMAP_CACHESIZE in octets: for all files of one Unix user. */
  readonly cacheFileOctets: number;
  /** IMAP_CREATE_FOLDERS: folders of a maildir that was made, without `INBOX.`. */
  readonly makeFolders: readonly string[];
  /** MAILDIRQUOTA: of accounts that have no quota of their own; absent: what `maildirsize` says. */
  readonly siteQuota?: string;
  /** IMAP_QUOTAWARN: percent; 0 warns nobody. */
  readonly quotaWarnPercent: number;
  /** IMAP_TRASHQUOTA: what is in Trash, or marked \Deleted, counts. */
  readonly trashCounts: boolean;
  /** IMAP_EMPTYTRASH: folders without `INBOX.`, and after how many days messages leave them. */
  readonly emptyTrash: readonly { readonly folder: string; readonly days: number }[];
  /** IMAPDEBUGFILE: sessions of a maildir with such a file are traced in it. */
  readonly debugFile?: string;
  /** IMAP_NOTICEFILE: a line for everybody. */
  readonly noticeFile: string;
  /** IMAP_SHUTDOWNFILE: a line for everybody, who are not let in while there is one. */
  readonly shutdownFile: string;
  /** IMAP_MOVE_EXPUNGE_TO_TRASH. */
  readonly expungeToTrash: boolean;
  /** OUTBOX; absent: no folder sends. */
  readonly outbox?: OutboxSettings;
  /** IMAP_LOG_DELETIONS. */
  readonly logDeletions: boolean;
  /** IMAP_FOLDERS_BESIDE_INBOX: folders are called `Sent`, not `INBOX.Sent`. */
  readonly foldersBesideInbox: boolean;
  /** IMAP_SHAREDINDEXFILE: the accounts whose mailboxes others may be allowed to see. */
  readonly sharedIndexFile: string;
  /** IMAP_SHAREDSAMEDOMAIN: accounts of other domains in that index are passed over. */
  readonly sharedSameDomain: boolean;
  /** The file `maildirshared` beside the settings: maildirs whose folders file permissions share. */
  readonly sharedMaildirsFile: string;
  /** IMAP_SHAREDMUNGENAMES: how dots and slashes in their names are shown. */
  readonly mungeSharedNames: boolean;
  /** IMAP_APPENDLIMIT: of one message, as clients send it; absent: none. */
  readonly appendLimitOctets?: number;
  /** IMAP_JMAPACCESS: the URL of the session resource of JMAP; absent: there is no JMAP. */
  readonly jmapUrl?: string;
  /** IMAP_TRASHFOLDERNAME, without `INBOX.`. */
  readonly trashFolderName: string;
  /** IMAP_SPECIALUSE: folder names without `INBOX.`, by role. */
  readonly specialUse: Readonly<Partial<Record<SpecialUse, string>>>;
  /** IMAP_NOTIFY_MAILBOXES: of so many a client may hear at once with NOTIFY. */
  readonly notifyMailboxes: number;
  /** IMAP_MESSAGELIMIT: so many messages one command may be about; absent: any number. */
  readonly messageLimit?: number;
  /** IMAP_SAVELIMIT: so many messages one COPY or APPEND may add, where there is no other limit; absent: any number. */
  readonly saveLimit?: number;
  /** IMAP_UTF8ONLY: clients must enable UTF8=ACCEPT. */
  readonly utf8Only: boolean;
  /** IMAP_UNAUTHENTICATE: clients may log in as somebody else on their connection. */
  readonly unauthenticate: boolean;
  /** IMAP_IDLE_HEARTBEAT: seconds between signs of life during IDLE; 0 is none. */
  readonly idleHeartbeatSeconds: number;
  /** IMAP_INACTIVITY_TIMEOUT. */
  readonly inactivitySeconds: number;
  /** IMAP_LOGIN_REFERRALS: clients of accounts on other servers are told which. */
  readonly loginReferrals?: boolean;
  /** IMAP_MAX_BAD_COMMANDS: one after the other, then the connection ends. */
  readonly maxBadCommands: number;
}
