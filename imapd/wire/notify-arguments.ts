/**
 * What a client wants to be told of unasked: `NOTIFY SET STATUS (SELECTED (MessageNew (UID) MessageExpunge)) (PERSONAL
 * (MailboxName))` (RFC 5465 section 8). It knows no mailbox.
 */
import type { Cursor } from './cursor.js';
import { SyntaxFailure } from './failures.js';
import { type FetchItem, parseFetchItems } from './fetch-items.js';
import { type MailboxFilter, parseMailboxFilter } from './mailbox-filter.js';

/** Events that can be told, as BADEVENT lists them. */
export const NOTIFY_EVENTS = [
  'MessageNew',
  'MessageExpunge',
  'FlagChange',
  'MailboxName',
  'SubscriptionChange',
  'MailboxMetadataChange',
  'ServerMetadataChange',
] as const;

export type NotifyEvent = (typeof NOTIFY_EVENTS)[number];

/** Events of messages: all that can be told of the selected mailbox. */
export const MESSAGE_EVENTS: ReadonlySet<NotifyEvent> = new Set(['MessageNew', 'MessageExpunge', 'FlagChange']);

/** Events in some mailboxes. */
export interface EventGroup {
  readonly filter: MailboxFilter;
  readonly events: ReadonlySet<NotifyEvent>;
  /** What is told of new messages in the selected mailbox. */
  readonly newMessageItems?: readonly FetchItem[];
}

/** What NOTIFY says. */
export interface NotifyArguments {
  /** Empty: NONE. */
  readonly groups: readonly EventGroup[];
  /** Whether the mailboxes are described now. */
  readonly status: boolean;
  /** An event was asked for that is none of ours. */
  readonly unsupported: boolean;
}

/** A client with more can put names into one list. */
const MAX_GROUPS = 100;
const MAX_EVENTS = 50;

/** `notify = "NOTIFY" SP (notify-set / notify-none)`, from behind the name. */
export function parseNotify(cursor: Cursor): NotifyArguments {
  cursor.sp();
  const word = cursor.atom().toUpperCase();
  if (word === 'NONE') {
    cursor.end();
    return { groups: [], status: false, unsupported: false };
  }
  if (word !== 'SET') throw new SyntaxFailure('NOTIFY wants SET or NONE.');
  const status = cursor.take(' STATUS');
  const groups: ParsedGroup[] = [];
  do {
    cursor.sp();
    groups.push(parseGroup(cursor));
    if (groups.length > MAX_GROUPS) throw new SyntaxFailure('NOTIFY has too many groups.');
  } while (cursor.spaceBeforeMore());
  cursor.end();
  if (groups.filter(({ filter }) => isOfSelected(filter)).length > 1)
    throw new SyntaxFailure('Only one of SELECTED and SELECTED-DELAYED can be said, and once.');
  return { groups, status, unsupported: groups.some(({ unsupported }) => unsupported) };
}

/** Whether a filter means the selected mailbox. */
export function isOfSelected({ kind }: MailboxFilter): boolean {
  return kind === 'selected' || kind === 'selected-delayed';
}

interface ParsedGroup extends EventGroup {
  readonly unsupported: boolean;
}

/** `event-group = "(" filter-mailboxes SP events ")"` */
function parseGroup(cursor: Cursor): ParsedGroup {
  cursor.expect('(');
  const filter = parseMailboxFilter(cursor);
  cursor.sp();
  const group = cursor.peekOctet() === 0x28 ? parseEvents(cursor, filter) : parseNone(cursor, filter);
  cursor.expect(')');
  return group;
}

function parseNone(cursor: Cursor, filter: MailboxFilter): ParsedGroup {
  if (cursor.atom().toUpperCase() !== 'NONE') throw new SyntaxFailure('Events stand in parentheses.');
  return { filter, events: new Set(), unsupported: false };
}

/** `events = ( "(" event *(SP event) ")" ) / "NONE"` */
function parseEvents(cursor: Cursor, filter: MailboxFilter): ParsedGroup {
  const events = new Set<NotifyEvent>();
  let newMessageItems: readonly FetchItem[] | undefined;
  let unsupported = false;
  const read = (): void => {
    const word = cursor.atom();
    const event = NOTIFY_EVENTS.find((known) => known.toLowerCase() === word.toLowerCase());
    if (event === undefined) unsupported = true;
    else events.add(event);
    if (event !== 'MessageNew' || cursor.peekOctet() !== 0x20 || cursor.peekOctet(1) !== 0x28) return;
    cursor.sp();
    newMessageItems = parseFetchItems(cursor);
  };
  cursor.parenthesised(read, { most: MAX_EVENTS });
  if (events.size === 0 && !unsupported) throw new SyntaxFailure('A list of events needs some.');
  // What can be told at all is said in any case, so that a client learns it.
  if (!unsupported) checkEvents(filter, events, newMessageItems);
  return { filter, events, unsupported, ...(newMessageItems === undefined ? {} : { newMessageItems }) };
}

/** RFC 5465 sections 5 and 6.1. */
function checkEvents(
  filter: MailboxFilter,
  events: ReadonlySet<NotifyEvent>,
  newMessageItems: readonly FetchItem[] | undefined,
): void {
  if (events.has('MessageNew') !== events.has('MessageExpunge'))
    throw new SyntaxFailure('MessageNew and MessageExpunge go together.');
  if (events.has('FlagChange') && !events.has('MessageNew'))
    throw new SyntaxFailure('FlagChange needs MessageNew and MessageExpunge.');
  if (isOfSelected(filter)) {
    if ([...events].some((event) => !MESSAGE_EVENTS.has(event)))
      throw new SyntaxFailure('SELECTED is for events of messages.');
  } else if (newMessageItems !== undefined) {
    throw new SyntaxFailure('What is told of new messages can be said for SELECTED only.');
  }
}
