/**
 * Makes a page of section 5 from a file of etc/: what stands above each setting is its manual.
 *
 * It knows the layout of those files (`##NAME:` markers, courier.md section 1.2), and none of their settings.
 */
import { type Block, readBlocks } from './plain-text.js';
import type { Page } from './roff.js';

/** What each file is, for NAME. */
export const settingsFiles: Readonly<Record<string, string>> = {
  authcustomrc: 'settings of a module of the site for authdaemond',
  authdaemonrc: 'settings of authdaemond',
  authldaprc: 'accounts in LDAP',
  authlearnrc: 'accounts that are learnt from another server',
  authmysqlrc: 'accounts in MySQL or MariaDB',
  authoauthrc: 'logins with tokens of an identity provider',
  authpgsqlrc: 'accounts in PostgreSQL',
  authvchkpwrc: 'accounts of vpopmail',
  imapd: 'settings of the IMAP server',
  'imapd-ssl': 'settings of TLS of the IMAP server',
  pop3d: 'settings of the POP3 server',
  'pop3d-ssl': 'settings of TLS of the POP3 server',
};

/** A setting, as it stands in the file: `PORT=143`, or as an example behind a `#`. */
const ASSIGNMENT = /^#? ?[A-Za-z_]\w*=/;

/** Reads a file of etc/. @throws {Error} when it has no settings. */
export function settingsPage(name: string, text: string): Page {
  const [head = '', ...parts] = text.split(/^##NAME: /m);
  const settings = parts.flatMap((part) => settingBlocks(part));
  if (settings.length === 0) throw new Error(`${name} has no ##NAME: lines`);
  return {
    name,
    section: 5,
    about: settingsFiles[name] ?? 'settings',
    sections: [
      { title: 'Description', blocks: readBlocks(commentsOf(head.split('\n'))) },
      { title: 'Settings', blocks: settings },
      { title: 'Files', blocks: [{ kind: 'literal', lines: [`/etc/courier/${name}`] }] },
      { title: 'See also', blocks: [{ kind: 'paragraph', text: seeAlso(name) }] },
    ],
  };
}

/** The name that the marker gives, the text above, and the lines as they are shipped. */
function settingBlocks(part: string): Block[] {
  const [marker = '', ...lines] = part.split('\n');
  const values = lines.filter((line) => ASSIGNMENT.test(line)).map((line) => line.replace(/^# ?/, '# '));
  const comments = commentsOf(lines.filter((line) => !ASSIGNMENT.test(line)));
  const shown: Block[] = values.length === 0 ? [] : [{ kind: 'literal', lines: values }];
  return [{ kind: 'heading', text: marker.replace(/:\w*$/, '') }, ...readBlocks(comments), ...shown];
}

function commentsOf(lines: readonly string[]): string[] {
  return lines.filter((line) => !line.startsWith('##')).map((line) => line.replace(/^# ?/, ''));
}

function seeAlso(name: string): string {
  const program = name.startsWith('auth') ? 'authdaemond(8), authtest(1)' : `${name.replace(/-ssl$/, '')}(8)`;
  return `${program}, angarium(7)`;
}
