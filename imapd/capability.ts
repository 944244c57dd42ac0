/**
 * What CAPABILITY says, from the settings and the state of the connection.
 *
 * A word stands here only if it works. Words that need nothing but the session are the same before and after login, so
 * that clients that ask once are not misled.
 */
import { offeredMechanisms } from '../authdaemon/sasl/offered-mechanisms.js';
import type { SessionSettings } from './settings/session-settings.js';

/** Extensions, in the order in which they are said. */
const extensions = [
  'LITERAL+',
  'ID',
  'ENABLE',
  'UTF8=ACCEPT',
  'IDLE',
  'NOTIFY',
  'NAMESPACE',
  'LANGUAGE',
  'CHILDREN',
  'UIDPLUS',
  'UNSELECT',
  'MULTIAPPEND',
  'MOVE',
  'CONDSTORE',
  'QRESYNC',
  'UIDONLY',
  'UIDBATCHES',
  'PARTIAL',
  'REPLACE',
  'OBJECTID',
  'SAVEDATE',
  'INPROGRESS',
  'ESEARCH',
  'SEARCHRES',
  'WITHIN',
  'CONTEXT=SEARCH',
  'SEARCH=FUZZY',
  'MULTISEARCH',
  'FILTERS',
  'I18NLEVEL=1',
  'I18NLEVEL=2',
  'SPECIAL-USE',
  'CREATE-SPECIAL-USE',
  'LIST-EXTENDED',
  'LIST-STATUS',
  'STATUS=SIZE',
  'STATUS=DELETED',
  'METADATA',
  'LIST-METADATA',
  'XLIST',
  'PREVIEW',
  'BINARY',
  'CATENATE',
  'URL-PARTIAL',
  'URLAUTH',
  'QUOTA',
  'QUOTA=RES-STORAGE',
  'QUOTA=RES-MESSAGE',
] as const;

/** `RIGHTS=`: what RFC 2086 does not have. `ACL2=UNION` is Courier's own: rights of all entries add up. */
const accessLists = ['ACL', 'RIGHTS=kxte', 'LIST-MYRIGHTS', 'ACL2=UNION'] as const;

const sortAndThread = [
  'SORT',
  'SORT=DISPLAY',
  'ESORT',
  'CONTEXT=SORT',
  'THREAD=ORDEREDSUBJECT',
  'THREAD=REFERENCES',
  'THREAD=REFS',
] as const;

/** On which connection CAPABILITY is asked. */
export interface CapabilityContext {
  readonly settings: SessionSettings;
  readonly loggedIn: boolean;
  readonly tls: boolean;
  /** STARTTLS would work now. */
  readonly tlsAvailable: boolean;
  /** COMPRESS would work now: after login, and once. */
  readonly compressAvailable: boolean;
  /** After login: somebody takes the client back that wants to log in once more. */
  readonly givesBack?: boolean;
  /** An administrator, who may change quotas. */
  readonly setsQuotas?: boolean;
  /** The name in the client's certificate, where EXTERNAL may be used. */
  readonly certificateName?: string;
  /** Channel binding is possible; asked only where a mechanism needs it. */
  readonly bindsChannel?: () => boolean;
}

/** The words after `CAPABILITY`, in a stable order. */
export function capabilities(context: CapabilityContext): string[] {
  return [...wordsOfSite(context), ...wordsForSmap(context), ...wordsOfConnection(context)];
}

/** What the administrator wrote, word for word, or else everything that works. */
function wordsOfSite(context: CapabilityContext): string[] {
  const { settings, loggedIn, compressAvailable } = context;
  const own = ownWords(context);
  if (own !== undefined) {
    // As Courier, which adds this one: the list cannot know who has a certificate.
    const external = !loggedIn && context.certificateName !== undefined ? ['AUTH=EXTERNAL'] : [];
    return [...own.split(/\s+/).filter((word) => word !== '' && !external.includes(word)), ...external];
  }
  const words: string[] = ['IMAP4rev1', 'IMAP4rev2', ...extensions];
  if (settings.utf8Only) words.splice(words.indexOf('UTF8=ACCEPT'), 1, 'UTF8=ONLY');
  if (settings.acl) words.push(...accessLists);
  if (!settings.disableThreadSort) words.push(...sortAndThread);
  if (compressAvailable) words.push('COMPRESS=DEFLATE');
  if (mayUnauthenticate(context)) words.push('UNAUTHENTICATE');
  if (settings.outbox !== undefined) words.push(`XCOURIEROUTBOX=${settings.outbox.folderName}`);
  words.push(settings.appendLimitOctets === undefined ? 'APPENDLIMIT' : `APPENDLIMIT=${settings.appendLimitOctets}`);
  if (settings.messageLimit !== undefined) words.push(`MESSAGELIMIT=${settings.messageLimit}`);
  if (settings.saveLimit !== undefined) words.push(`SAVELIMIT=${settings.saveLimit}`);
  if (loggedIn && settings.jmapUrl !== undefined) words.push('JMAPACCESS');
  if (settings.expungeToTrash) words.push('XMAGICTRASH');
  if (context.setsQuotas === true) words.push('QUOTASET');
  if (loggedIn) return words;
  words.push('SASL-IR');
  if (settings.loginReferrals === true) words.push('LOGIN-REFERRALS');
  if (mayLogin(context)) words.push(...offeredMechanisms(context).map((name) => `AUTH=${name}`));
  if (mayLogin(context) && settings.anonymous !== undefined) words.push('AUTH=ANONYMOUS');
  return words;
}

function ownWords({ settings, tls }: Pick<CapabilityContext, 'settings' | 'tls'>): string | undefined {
  return (tls ? settings.capabilityTls : undefined) ?? settings.capability;
}

/** Whether UNAUTHENTICATE is to be obeyed; not below compression. RFC 8437 section 8 wants that it can be switched off. */
export function mayUnauthenticate({ settings, givesBack, compressAvailable }: CapabilityContext): boolean {
  return givesBack === true && compressAvailable && settings.unauthenticate;
}

/** RFC 7888 section 5. */
const LITERAL_MINUS_OCTETS = 4_096;

/** How large a literal may be that comes without being asked for; undefined where the site has not said LITERAL-. */
export function nonSynchronizingLimit(context: Pick<CapabilityContext, 'settings' | 'tls'>): number | undefined {
  const words = ownWords(context)?.toUpperCase().split(/\s+/);
  return words?.includes('LITERAL-') === true && !words.includes('LITERAL+') ? LITERAL_MINUS_OCTETS : undefined;
}

/** As in Courier, they are said whatever else the administrator wrote. */
function wordsForSmap({ settings }: CapabilityContext): string[] {
  return settings.smap?.capability.split(/\s+/) ?? [];
}

/** What only the connection knows. Courier adds it to the administrator's words, too: without it no client gets in. */
function wordsOfConnection(context: CapabilityContext): string[] {
  if (context.loggedIn) return [];
  const words: string[] = [];
  if (context.tlsAvailable) words.push('STARTTLS');
  if (!mayLogin(context)) words.push('LOGINDISABLED');
  return words;
}

/** Whether a password may be sent on this connection. */
export function mayLogin({ settings, tls }: Pick<CapabilityContext, 'settings' | 'tls'>): boolean {
  return tls || !settings.tlsRequired;
}

/** The same words as a response code: `CAPABILITY IMAP4rev1 …`. */
export function capabilityCode(context: CapabilityContext): string {
  return ['CAPABILITY', ...capabilities(context)].join(' ');
}

/** What ENABLE can switch on. */
export const ENABLABLE: ReadonlySet<string> = new Set(['CONDSTORE', 'QRESYNC', 'UIDONLY', 'UTF8=ACCEPT', 'IMAP4REV2']);
