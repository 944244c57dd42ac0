/**
 * The values of IMAP_CAPABILITY that some release of Courier shipped. A site that has one of them never chose it: it
 * gets everything this server can do.
 */

/** Without AUTH=, in the order in which they were shipped. */
const SHIPPED: readonly string[] = [
  'IMAP4rev1',
  'IMAP4rev1 CHILDREN NAMESPACE',
  'IMAP4rev1 CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT',
  'IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT',
  'IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA',
  'IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE',
];

/** What was added before IDLE where the authentication library had CRAM. */
const SHIPPED_AUTHENTICATION: readonly string[] = [
  '',
  'AUTH=CRAM-MD5',
  'AUTH=CRAM-MD5 AUTH=CRAM-SHA1',
  'AUTH=CRAM-MD5 AUTH=CRAM-SHA1 AUTH=CRAM-SHA256',
];

/** Is this a value that Courier shipped? With TLS it shipped the same, and ` AUTH=PLAIN` behind it. */
export function isShippedCapability(value: string): boolean {
  const words = value.trim().split(/\s+/);
  const authentication = words.filter((word) => word.startsWith('AUTH=')).join(' ');
  const others = words.filter((word) => !word.startsWith('AUTH=')).join(' ');
  return SHIPPED.includes(others) && SHIPPED_AUTHENTICATION.includes(authentication);
}
