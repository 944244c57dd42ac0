/**
 * What a client sees of an account: mailboxes, UIDs, flags, dates, sizes, subscriptions. Two servers that show the same of
 * one maildir agree about it.
 */
import type { ImapClient } from './imap-client.js';

/** What a client can know of a mailbox, without what depends on who looked before. */
interface MailboxView {
  readonly uidValidity: string;
  readonly uidNext: string;
  readonly messages: readonly string[];
}

/** An account as a client sees it. */
export interface AccountView {
  readonly mailboxes: Readonly<Record<string, MailboxView>>;
  readonly subscribed: readonly string[];
}

function mailboxNames(untagged: readonly string[]): string[] {
  const real = untagged.filter((line) => !/\\(Noselect|NonExistent)/i.test(line));
  const names = real.map((line) => /^\* (?:LIST|LSUB) \([^)]*\) "\." "?([^"]*)"?$/.exec(line)?.[1]);
  return names.filter((name) => name !== undefined).sort();
}

/** Looks at all mailboxes. */
export async function viewAccount(client: ImapClient): Promise<AccountView> {
  const mailboxes: Record<string, MailboxView> = {};
  for (const name of mailboxNames((await client.must('LIST "" "*"')).untagged)) {
    mailboxes[name] = await viewMailbox(client, name);
  }
  return { mailboxes, subscribed: mailboxNames((await client.must('LSUB "" "*"')).untagged) };
}

async function viewMailbox(client: ImapClient, name: string): Promise<MailboxView> {
  const status = (await client.must(`STATUS "${name}" (UIDVALIDITY UIDNEXT MESSAGES)`)).untagged.join();
  const messages: string[] = [];
  await client.must(`EXAMINE "${name}"`);
  if (!status.includes('MESSAGES 0')) {
    const items = 'UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)]';
    for (const line of (await client.must(`UID FETCH 1:* (${items})`)).untagged) {
      if (line.includes(' FETCH ')) messages.push(viewMessage(line));
    }
  }
  const number = (word: string): string => new RegExp(`${word} (\\d+)`).exec(status)?.[1] ?? '';
  return { uidValidity: number('UIDVALIDITY'), uidNext: number('UIDNEXT'), messages };
}

function viewMessage(line: string): string {
  const take = (pattern: RegExp): string => pattern.exec(line)?.[1] ?? `no ${pattern} in ${line}`;
  const flags = take(/FLAGS \(([^)]*)\)/).split(' ');
  const seen = flags.filter((flag) => flag !== '\\Recent').sort();
  const date = take(/INTERNALDATE "([^"]+)"/).trim();
  const subject = take(/Subject: (.*)\r\n/);
  return `${take(/UID (\d+)/)} ${take(/RFC822.SIZE (\d+)/)} ${date} (${seen.join(' ')}) ${subject}`;
}
