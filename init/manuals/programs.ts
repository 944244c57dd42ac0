/**
 * What the page of each program says beyond its `--help`: its section, the line under NAME, examples, files, neighbours.
 *
 * A test holds it against dist/bin/: every program has a page.
 */
import type { Item } from './plain-text.js';

export interface ProgramManual {
  /** 1 is for everybody, 8 for administrators. */
  readonly section: 1 | 8;
  readonly about: string;
  readonly examples?: readonly Item[];
  readonly files?: readonly Item[];
  readonly seeAlso: string;
}

function item(term: string, meaning: string): Item {
  return { term, meaning };
}

const maildirFiles = {
  quota: item('maildirsize', 'in the maildir: the quota, and what is used of it'),
  acl: item('courierimapacl', 'in each folder: who may do what'),
  keywords: item('courierimapkeywords', 'in each folder: keywords of messages'),
  shared: item('shared-maildirs', 'in the maildir: names and places of shared maildirs'),
};
const userdbFiles = [
  item('/etc/courier/userdb', 'accounts: a file, or a directory of files'),
  item('/etc/courier/userdb.dat, /etc/courier/userdbshadow.dat', 'what is looked into: made by makeuserdb(8)'),
];

/** By name. */
export const programManuals: Readonly<Record<string, ProgramManual>> = {
  angarium: {
    section: 8,
    about: 'look after a mail server that runs',
    examples: [
      item('angarium who -u ann@example.com', 'where is she logged in?'),
      item('angarium kick --ip 192.0.2.7', 'end all sessions of that address'),
      item('angarium probe imap --tls', 'for monitoring: does IMAP answer on port 993?'),
    ],
    files: [item('/run/courier/imapd.control, /run/courier/pop3d.control', 'where the servers answer')],
    seeAlso: 'imapd(8), pop3d(8), angarium(7)',
  },
  authaccounts: {
    section: 8,
    about: 'make, rename and remove many accounts',
    examples: [
      item('authaccounts --dry-run new-people', 'what would be done?'),
      item('authaccounts --adopt-mail new-people', 'do it; mail that is there already belongs to the new accounts'),
    ],
    files: userdbFiles,
    seeAlso: 'userdb(8), authenumerate(1), maildirmake(1)',
  },
  authapppasswd: {
    section: 8,
    about: 'passwords for single programs or devices of an account',
    examples: [item('authapppasswd add ann@example.com phone --service imap', 'prints a password for her phone')],
    files: userdbFiles,
    seeAlso: 'authpasswd(1), userdb(8)',
  },
  authdaemond: {
    section: 8,
    about: 'the daemon that knows who may log in',
    examples: [item('authdaemond --modules', 'which modules are enabled, and can be reached?')],
    files: [
      item('/etc/courier/authdaemonrc', 'its settings; each module has a file of its own beside it'),
      item('/run/courier/authdaemon/socket', 'where it answers; who may enter the directory may ask for passwords'),
    ],
    seeAlso: 'authdaemonrc(5), authtest(1), imapd(8), pop3d(8)',
  },
  authenumerate: {
    section: 1,
    about: 'list all accounts',
    examples: [item('authenumerate | maildirquota --over 90 -', 'whose mailbox is nearly full?')],
    seeAlso: 'authtest(1), authdaemond(8), maildirquota(1), sharedindexsplit(8)',
  },
  authpasswd: {
    section: 1,
    about: 'make the hash of a password',
    examples: [item('authpasswd SHA512', 'asks for a password')],
    seeAlso: 'userdbpw(8), userdb(8)',
  },
  authtest: {
    section: 1,
    about: 'look up an account, or try a password',
    examples: [
      item('authtest -s imap ann@example.com', 'what does authdaemond say of her?'),
      item('authtest -v -s imap ann@example.com secret', 'why can she not log in?'),
    ],
    seeAlso: 'authdaemond(8), authenumerate(1)',
  },
  deliverquota: {
    section: 8,
    about: 'deliver a message into a maildir, within its quota',
    examples: [item('deliverquota -c -w 90 ~/Maildir 1000000000S', 'from a mail transfer agent or a .qmail file')],
    files: [maildirFiles.quota, item('/etc/courier/quotawarnmsg', 'the mail that -w sends')],
    seeAlso: 'maildirquota(1), maildirmake(1)',
  },
  imapd: {
    section: 8,
    about: 'IMAP server for maildirs',
    examples: [
      item('imapd --check', 'all mistakes in the settings at once'),
      item('imapd --dump-config', 'what is in use, and where it stands'),
      item('imapd ~/Maildir', 'IMAP over ssh, say'),
    ],
    files: [
      item('/etc/courier/imapd, /etc/courier/imapd-ssl', 'its settings'),
      item('/etc/courier/imapd.pem', 'key and certificate'),
      item(
        '/run/courier/imapd.pid, /run/courier/imapd.control',
        'its control script, and where it answers angarium(8)',
      ),
    ],
    seeAlso: 'imapd(5), imapd-ssl(5), imapd.rc(8), authdaemond(8), angarium(8), angarium(7)',
  },
  maildiracl: {
    section: 1,
    about: 'who may do what in the folders of a maildir',
    examples: [
      item('maildiracl -set ~/Maildir INBOX.Team user=ann@example.com lrs', 'she may read the folder Team'),
      item('maildiracl -compute ~/Maildir INBOX.Team user=ann@example.com anyone', 'what may she do there?'),
    ],
    files: [maildirFiles.acl],
    seeAlso: 'maildirmake(1), sharedindexinstall(8), imapd(8)',
  },
  maildirfromdovecot: {
    section: 8,
    about: 'take over what Dovecot keeps beside the mail',
    examples: [
      item('maildirfromdovecot --dry-run ~/Maildir', 'what is there?'),
      item('authenumerate | maildirfromdovecot -', 'all accounts'),
    ],
    files: [item('dovecot-uidlist, dovecot-keywords, subscriptions', 'in the maildir and its folders: what is read')],
    seeAlso: 'authenumerate(1), maildirmake(1), imapd(8)',
  },
  maildirkw: {
    section: 1,
    about: 'keywords of messages',
    examples: [item('maildirkw -L ~/Maildir/.Sent', 'which messages have some?')],
    files: [maildirFiles.keywords],
    seeAlso: 'imapd(8)',
  },
  maildirmake: {
    section: 1,
    about: 'make maildirs, and folders in them',
    examples: [
      item('maildirmake ~/Maildir', 'a new one'),
      item('maildirmake -f Sent ~/Maildir', 'a folder in it'),
      item('maildirmake --checkutf8 ~/Maildir', 'has it names of folders as Courier had them before release 5?'),
    ],
    files: [maildirFiles.shared, maildirFiles.quota],
    seeAlso: 'maildiracl(1), deliverquota(8), maildirquota(1)',
  },
  maildirquota: {
    section: 1,
    about: 'how full maildirs are',
    examples: [item('authenumerate | maildirquota --over 90 -', 'whose mailbox is nearly full?')],
    files: [maildirFiles.quota],
    seeAlso: 'deliverquota(8), authenumerate(1)',
  },
  maildirreaders: {
    section: 1,
    about: 'who reads the mailboxes that others share',
    examples: [item('authenumerate | maildirreaders --count -', 'how many read which mailbox?')],
    seeAlso: 'maildiracl(1), authenumerate(1), sharedindexsplit(8)',
  },
  makeimapaccess: {
    section: 8,
    about: 'check the list of addresses that may connect',
    files: [item('/etc/courier/imapaccess', 'a file, or a directory of files')],
    seeAlso: 'imapd(5)',
  },
  makeuserdb: {
    section: 8,
    about: 'compile the accounts of userdb',
    files: userdbFiles,
    seeAlso: 'userdb(8), pw2userdb(8)',
  },
  mkdhparams: { section: 8, about: 'make parameters for the Diffie-Hellman key exchange', seeAlso: 'imapd-ssl(5)' },
  mkimapdcert: {
    section: 8,
    about: 'make a certificate for the IMAP server',
    files: [item('/etc/courier/imapd.pem', 'what is made'), item('/etc/courier/imapd.cnf', 'what stands in it')],
    seeAlso: 'imapd-ssl(5), mkpop3dcert(8)',
  },
  mkpop3dcert: {
    section: 8,
    about: 'make a certificate for the POP3 server',
    files: [item('/etc/courier/pop3d.pem', 'what is made'), item('/etc/courier/pop3d.cnf', 'what stands in it')],
    seeAlso: 'pop3d-ssl(5), mkimapdcert(8)',
  },
  pop3d: {
    section: 8,
    about: 'POP3 server for maildirs',
    examples: [item('pop3d --check', 'all mistakes in the settings at once')],
    files: [
      item('/etc/courier/pop3d, /etc/courier/pop3d-ssl', 'its settings'),
      item('/etc/courier/pop3d.pem', 'key and certificate'),
      item('courierpop3dsizelist', 'in the maildir: sizes of messages, and the names that clients know them by (UIDL)'),
    ],
    seeAlso: 'pop3d(5), pop3d-ssl(5), pop3d.rc(8), authdaemond(8), angarium(8), angarium(7)',
  },
  pw2userdb: {
    section: 8,
    about: 'accounts of the system as lines of userdb',
    examples: [item('pw2userdb > /etc/courier/userdb && makeuserdb', 'take all of them over')],
    files: userdbFiles,
    seeAlso: 'userdb(8), makeuserdb(8)',
  },
  sharedindexinstall: {
    section: 8,
    about: 'put new lists of shared mailboxes in place',
    files: [item('/etc/courier/shared', 'the lists that are in use'), item('/etc/courier/shared.tmp', 'new ones')],
    seeAlso: 'sharedindexsplit(8), authenumerate(1), maildiracl(1)',
  },
  sharedindexsplit: {
    section: 8,
    about: 'make lists of shared mailboxes from all accounts',
    examples: [
      item('authenumerate -s | sharedindexsplit /etc/courier/shared.tmp && sharedindexinstall', 'nightly, from cron'),
    ],
    files: [item('/etc/courier/shared/index', 'the list that is in use')],
    seeAlso: 'sharedindexinstall(8), authenumerate(1)',
  },
  sysconftool: {
    section: 8,
    about: 'merge the settings of a new release into those of a site',
    examples: [item('sysconftool -n /etc/courier/imapd', 'what would change?')],
    seeAlso: 'imapd(5), pop3d(5), authdaemonrc(5)',
  },
  userdb: {
    section: 8,
    about: 'change an account of userdb',
    examples: [
      item(
        'userdb ann@example.com set uid=5000 gid=5000 home=/home/vmail/ann mail=/home/vmail/ann/Maildir',
        'an account',
      ),
      item('userdbpw | userdb ann@example.com set systempw', 'its password'),
      item('makeuserdb', 'from now on it counts'),
    ],
    files: userdbFiles,
    seeAlso: 'userdbpw(8), makeuserdb(8), authtest(1)',
  },
  userdbpw: {
    section: 8,
    about: 'make the hash of a password for userdb',
    examples: [item('userdbpw | userdb ann@example.com set systempw', 'her new password')],
    seeAlso: 'userdb(8), authpasswd(1)',
  },
};
