/**
 * What Courier's authdaemond 0.71.4 (Debian 12) answered, octet for octet, to requests for the accounts of COURIER_USERDB
 * with COURIER_RC. An empty answer is a connection closed in silence. Recorded, not made up.
 */

/** The settings it ran with. */
export const COURIER_RC =
  'authmodulelist="authuserdb"\ndaemons=1\nDEFAULTOPTIONS="disablewebmail=1,group=x"\nDEBUG_LOGIN=0\n';

/** The accounts it knew. */
export const COURIER_USERDB = [
  'joe\tuid=5000|gid=5001|home=/home/joe|mail=/home/joe/Maildir|quota=1000S|gecos=Joe Doe,Room 5|options=disableimap=0,group=a|systempw={SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=|pop3pw={SHA}ZV4uLoqrTZbHDnLIK2fMPUj+PhE=',
  'noopts\tuid=5000|gid=5000|home=/h|systempw=x',
  'nohome\tuid=5|gid=5|systempw=x',
  'full\tuid=5000|gid=5000|home=/h',
  '5000=\tjoe',
].join('\n');

const JOE =
  'UID=5000\nGID=5001\nHOME=/home/joe\nADDRESS=joe\nNAME=Joe Doe\nMAILDIR=/home/joe/Maildir\nQUOTA=1000S\nPASSWD={SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nOPTIONS=disableimap=0,group=a,disablewebmail=1\n.\n';
const JOE_LOGIN =
  'UID=5000\nGID=5001\nHOME=/home/joe\nADDRESS=joe\nNAME=Joe Doe\nMAILDIR=/home/joe/Maildir\nQUOTA=1000S\nPASSWD={SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nPASSWD2=secret\nOPTIONS=disableimap=0,group=a,disablewebmail=1\n.\n';

/** Requests in the order they were sent, and their answers. */
export const COURIER_ANSWERS: readonly (readonly [request: string, answer: string])[] = [
  ['PRE . imap joe\n', JOE],
  ['PRE . imap nobody\n', 'FAIL\n'],
  ['PRE authuserdb imap joe\n', JOE],
  ['PRE userdb imap joe\n', 'FAIL\n'],
  ['PRE  . imap joe\n', JOE],
  ['PRE .  imap joe\n', JOE],
  ['PRE . imap  joe\n', JOE],
  ['PRE . imap joe x\n', 'FAIL\n'],
  ['PRE . imap joe \n', 'FAIL\n'],
  ['PRE . imap\n', ''],
  ['PRE .\n', ''],
  ['PRE\n', ''],
  ['pre . imap joe\n', ''],
  ['PRE . imap joe', ''],
  ['PRE\t.\timap\tjoe\n', ''],
  ['PRE . imap joe\r\n', 'FAIL\n'],
  ['PRE . imap \n', 'FAIL\n'],
  [
    'PRE . pop3 joe\n',
    'UID=5000\nGID=5001\nHOME=/home/joe\nADDRESS=joe\nNAME=Joe Doe\nMAILDIR=/home/joe/Maildir\nQUOTA=1000S\nPASSWD={SHA}ZV4uLoqrTZbHDnLIK2fMPUj+PhE=\nOPTIONS=disableimap=0,group=a,disablewebmail=1\n.\n',
  ],
  ['PRE . imap a\x01b\n', 'FAIL\n'],
  [
    'PRE . imap noopts\n',
    'UID=5000\nGID=5000\nHOME=/h\nADDRESS=noopts\nPASSWD=x\nOPTIONS=disablewebmail=1,group=x\n.\n',
  ],
  ['PRE . imap nohome\n', 'FAIL\n'],
  ['PRE . imap 5000=\n', 'FAIL\n'],
  ['PRE . imap full\n', 'UID=5000\nGID=5000\nHOME=/h\nADDRESS=full\nOPTIONS=disablewebmail=1,group=x\n.\n'],
  ['AUTH 22\nimap\nlogin\njoe\nsecret\n', JOE_LOGIN],
  ['AUTH 21\nimap\nlogin\njoe\nwrong\n', 'FAIL\n'],
  ['AUTH 21\nimap\nlogin\njoe\nsecret', JOE_LOGIN],
  ['AUTH 27\nimap\nlogin\njoe\nsecret\nmore\n', JOE_LOGIN],
  ['AUTH 15\nimap\nlogin\njoe\n', 'FAIL\n'],
  ['AUTH 14\nimap\nlogin\njoe', 'FAIL\n'],
  ['AUTH 20\nimap\nlogin\nnobody\nx\n', 'FAIL\n'],
  ['AUTH 23\nimap\nnosuch\njoe\nsecret\n', 'FAIL\n'],
  ['AUTH 22\npop3\nlogin\njoe\nsecret\n', 'FAIL\n'],
  [
    'AUTH 23\npop3\nlogin\njoe\npoppass\n',
    'UID=5000\nGID=5001\nHOME=/home/joe\nADDRESS=joe\nNAME=Joe Doe\nMAILDIR=/home/joe/Maildir\nQUOTA=1000S\nPASSWD={SHA}ZV4uLoqrTZbHDnLIK2fMPUj+PhE=\nPASSWD2=poppass\nOPTIONS=disableimap=0,group=a,disablewebmail=1\n.\n',
  ],
  ['AUTH 99999999\n', ''],
  [`AUTH 8191\n${'x'.repeat(8191)}`, ''],
  [`AUTH 8192\n${'x'.repeat(8192)}`, ''],
  ['AUTH 0\n', ''],
  ['AUTH -1\n', ''],
  ['AUTH x\n', ''],
  ['AUTH\n', ''],
  ['AUTH 10\nabc', ''],
  ['AUTH 22\nimap\nlogin\njoe\nsecret\nEXTRA', JOE_LOGIN],
  ['AUTH 23\nimap\nlogin\nj\x01oe\nsecret\n', 'FAIL\n'],
  ['TCPREMOTEIP=1.2.3.4\nAUTH 22\nimap\nlogin\njoe\nsecret\n', JOE_LOGIN],
  ['ANGARIUM_ERRORS=1\nTCPREMOTEIP=1.2.3.4\nPRE . imap joe\n', JOE],
  ['=x\nPRE . imap joe\n', JOE],
  ['A=\nPRE . imap joe\n', JOE],
  ['a b=c\nPRE . imap joe\n', ''],
  ['\nPRE . imap joe\n', ''],
  ['NOSUCH\n', ''],
  ['', ''],
  ['PASSWD imap\tjoe\twrong\tnew\n', 'FAIL\n'],
  ['PASSWD imap\tjoe\n', ''],
  ['PASSWD imap\tnobody\ta\tb\n', 'FAIL\n'],
  ['PASSWD imap joe a b\n', ''],
  [`${'x'.repeat(9000)}\n`, ''],
  [`PRE . imap ${'u'.repeat(8100)}\n`, 'FAIL\n'],
  [`PRE . imap ${'u'.repeat(8200)}\n`, ''],
  ['PASSWD imap\tjoe\tsecret\tnewpw\n', 'OK\n'],
  ['AUTH 22\nimap\nlogin\njoe\nsecret\n', 'FAIL\n'],
  ['PASSWD imap\tjoe\tnewpw\tsecret\textra\n', 'OK\n'],
  ['PASSWD  imap\tjoe\ta\tb\n', 'FAIL\n'],
  ['PASSWD imap\tjoe\t\tb\n', 'FAIL\n'],
];
