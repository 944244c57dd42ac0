/**
 * What AUTH says about SCRAM on authdaemond's socket: an extension in the form of Courier's own types. Debian's daemon
 * answers FAIL to them.
 *
 *     AUTH 98\nimap\nscram-sha-256\nfirst\njoe\nBASE64(client-first-message)\n
 *     AUTH 412\nimap\nscram-sha-256\nfinal\nTOKEN\nBASE64(client-final-message)\nBASE64(channel binding)\n
 *
 * The first is answered with the server's message and a token that only this daemon can read; the second gives it back.
 * Pure.
 */
import { hasControls, textFromOctets } from '../octet-text.js';
import { decodeBase64 } from './base64.js';

/** The first question: which salt, how many iterations? */
export interface ScramFirst {
  readonly step: 'first';
  /** As the site reads it, with its domain: the message has it as it was typed. */
  readonly loginName: string;
  readonly message: Buffer;
}

/** The second question: is the proof right? */
export interface ScramFinal {
  readonly step: 'final';
  readonly token: string;
  readonly message: Buffer;
  /** Of the connection, of the type that the client named; empty without channel binding. */
  readonly channelBinding: Buffer;
}

/** Writes the data of AUTH. */
export function formatScramData(asked: ScramFirst | ScramFinal): string {
  const { step, message } = asked;
  const lines =
    asked.step === 'first'
      ? [step, asked.loginName, message.toString('base64')]
      : [step, asked.token, message.toString('base64'), asked.channelBinding.toString('base64')];
  return `${lines.join('\n')}\n`;
}

/** Reads the data of AUTH; undefined for damaged data. */
export function readScramData(authData: Buffer): ScramFirst | ScramFinal | undefined {
  const [step, subject = '', messageText = '', bindingText = ''] = textFromOctets(authData).split('\n');
  const message = decodeBase64(messageText);
  const channelBinding = decodeBase64(bindingText);
  if (subject === '' || hasControls(subject) || message === undefined || channelBinding === undefined) return undefined;
  if (step === 'first') return { step, loginName: subject, message };
  return step === 'final' ? { step, token: subject, message, channelBinding } : undefined;
}
