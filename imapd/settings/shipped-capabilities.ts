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

/**
 * Is this a value that Courier shipped? Mechanisms (AUTH=CRAM-MD5) may have been added: that is how they are switched on,
 * and says nothing about the rest.
 */
export function isShippedCapability(value: string): boolean {
  const others = value
    .trim()
    .split(/\s+/)
    .filter((word) => !/^AUTH=/i.test(word));
  return SHIPPED.includes(others.join(' '));
}
