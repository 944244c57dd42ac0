/**
 * Reads the settings of what happens to mail that is there: quotas, the trash, and the folder that sends. See etc/imapd for
 * what each means.
 */
import type { Settings } from '../../init/runtime/settings/settings-file.js';
import { isFolderName } from '../../maildir/folder-name.js';
import { parseLimits } from '../../maildir/quota/quota-limits.js';
import type { SessionSettings } from './session-settings.js';

type Keeping = Pick<
  SessionSettings,
  | 'siteQuota'
  | 'quotaWarnPercent'
  | 'trashCounts'
  | 'emptyTrash'
  | 'expungeToTrash'
  | 'outbox'
  | 'debugFile'
  | 'noticeFile'
  | 'shutdownFile'
>;

/** A century: more is a mistake. */
const MAX_DAYS = 36_500;

/** See session-settings.ts for what each is. */
export function readKeeping(settings: Settings): Keeping {
  const siteQuota = readSiteQuota(settings);
  return {
    ...(siteQuota === undefined ? {} : { siteQuota }),
    quotaWarnPercent: settings.integer('IMAP_QUOTAWARN', 90, { max: 100 }),
    trashCounts: settings.switchedOn('IMAP_TRASHQUOTA', false),
    emptyTrash: readEmptyTrash(settings),
    expungeToTrash: settings.switchedOn('IMAP_MOVE_EXPUNGE_TO_TRASH', false),
    ...readOutbox(settings),
    ...readDebugFile(settings),
    noticeFile: settings.text('IMAP_NOTICEFILE', '/etc/courier/imapnotice'),
    shutdownFile: settings.text('IMAP_SHUTDOWNFILE', '/etc/courier/imapshutdown'),
  };
}

function readSiteQuota(settings: Settings): string | undefined {
  const siteQuota = settings.optionalText('MAILDIRQUOTA');
  if (siteQuota === undefined) return undefined;
  if (/^\d+[SC](,\d+[SC])?$/.test(siteQuota) && parseLimits(siteQuota) !== undefined) return siteQuota;
  const remedy = 'write octets with S, messages with C, or both: 1000000000S,100000C';
  settings.problem('MAILDIRQUOTA', `MAILDIRQUOTA=${siteQuota} is no quota`, remedy);
  return undefined;
}

/** `Trash:7,Spam:30`; a number alone is for the trash. As in Courier, less than a day is a day. */
function readEmptyTrash(settings: Settings): Keeping['emptyTrash'] {
  const text = settings.optionalText('IMAP_EMPTYTRASH') ?? '';
  if (/^\d+$/.test(text)) {
    return Number(text) === 0 ? [] : [{ folder: settings.text('IMAP_TRASHFOLDERNAME', 'Trash'), days: days(text) }];
  }
  const items = text.split(',').map((item) => item.trim());
  return items
    .filter((item) => item !== '')
    .flatMap((item) => {
      const [, folder = '', number = ''] = /^(.+):(\d+)$/.exec(item) ?? [];
      if (number !== '' && isFolderName(folder === 'INBOX' ? folder : `INBOX.${folder}`))
        return [{ folder, days: days(number) }];
      const remedy = 'write Folder:days with commas between, folders without INBOX in front, or a number of days';
      settings.problem('IMAP_EMPTYTRASH', `IMAP_EMPTYTRASH: ${item} is not understood`, remedy);
      return [];
    });
}

/** `.Outbox`, which is INBOX.Outbox. */
function readOutbox(settings: Settings): Pick<Keeping, 'outbox'> {
  const headerFrom = settings.text('HEADERFROM', 'X-IMAP-Sender');
  const outbox = {
    sendmail: settings.text('SENDMAIL', '/usr/sbin/sendmail'),
    headerFrom,
    severalAtOnce: settings.switchedOn('OUTBOX_MULTIPLE_SEND', false),
    droppedFields: settings
      .text('OUTBOX_DROPHEADERS', '')
      .toLowerCase()
      .split(/[\s,:]+/)
      .filter((name) => name !== ''),
  };
  const folder = settings.optionalText('OUTBOX');
  if (folder === undefined) return {};
  const folderName = `INBOX${folder}`;
  if (!folder.startsWith('.') || !isFolderName(folderName)) {
    settings.problem('OUTBOX', `OUTBOX=${folder} is no folder`, 'write a dot and the name: .Outbox for INBOX.Outbox');
  }
  if (!/^[!-9;-~]*$/.test(headerFrom)) {
    settings.problem(
      'HEADERFROM',
      `HEADERFROM=${headerFrom} is no name of a header field`,
      'write for example X-IMAP-Sender',
    );
  }
  return { outbox: { folderName, ...outbox } };
}

function readDebugFile(settings: Settings): Pick<Keeping, 'debugFile'> {
  const debugFile = settings.optionalText('IMAPDEBUGFILE');
  if (debugFile === undefined) return {};
  if (!/^[^./:][^/:]*$/.test(debugFile)) {
    settings.problem(
      'IMAPDEBUGFILE',
      `IMAPDEBUGFILE=${debugFile} is no name`,
      'write a name without a path: imaplog.dat',
    );
  }
  return { debugFile };
}

function days(number: string): number {
  return Math.min(Math.max(1, Number(number)), MAX_DAYS);
}
