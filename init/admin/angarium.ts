/**
 * The program `angarium`: what an administrator asks running services, whichever of them there are.
 *
 * It knows the words and options; who.ts and probe.ts do the rest.
 */
import { parseArgs } from 'node:util';
import { EXIT_USAGE, ProgramFailure, runProgram, settingsDirectory } from '../runtime/program.js';
import { changeSessions, showSessions, showStats } from './who.js';

const usage = `Usage: angarium who [WHICH]            the sessions that are there
       angarium kick WHICH           end sessions; each client is told BYE
       angarium trace [WHICH]        look again for the files that make a session be traced (IMAPDEBUGFILE)
       angarium penalty [list | clear [ADDRESS]]
                                     addresses whose logins failed, and what the next failure costs; forget them
       angarium stats                the figures, as METRICSPORT tells them
       angarium probe imap|pop3|auth [OPTIONS]
                                     say whether a service works, and how many milliseconds it took
       angarium doctor               look at all that must be right for mail to work: settings, certificates, ports,
                                     authdaemond, directories, disks, clock, limits; with -u USER an account, too

Which sessions, all of what is said:
  -u, --user USER      of this account, as the log names it
  --ip ADDRESS         from this address
  --session NUMBER     this one
  --all                for kick: really all
  --service NAME       imapd or pop3d; without it both, where they run
  --json               one object of JSON in each line

Options of probe:
  --host HOST, --port PORT   else where the settings say that the service listens
  --tls                      TLS from the beginning; else STARTTLS where it is offered
  --verify                   believe only a certificate that is valid for the host
  -u, --user USER            log in, too, and select INBOX; the password is the first line of standard input
  --mechanism NAME           how to log in: LOGIN (the command; USER and PASS with POP3), PLAIN or CRAM-MD5
  --timeout SECONDS          25
  -v                         show the dialogue on stderr, without passwords

  --config DIRECTORY   where the settings are; else $COURIER_CONFDIR, else /etc/courier
  --help, --version

Exit code: 0 it is so; 1 no such session, or an answer that is none of a service that works; 2 no answer; 3 not running.`;

await runProgram({ name: 'angarium', usage, run, endsWithReader: true });

async function run(words: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(words);
  const [verb = '', ...rest] = positionals;
  const directory = values.config ?? settingsDirectory();
  const which = { ...values, directory };
  if (verb === 'probe') {
    const { probe } = await import('./probe.js');
    return await probe(rest, { ...values, directory });
  }
  if (verb === 'penalty') {
    const { penalty } = await import('./penalty.js');
    return await penalty(rest, which);
  }
  if (rest.length > 0) throw wrong(`${rest[0]} is not understood`);
  if (verb === 'doctor') return await (await import('./doctor.js')).doctor(which);
  if (verb === 'who') return await showSessions(which);
  if (verb === 'stats') return await showStats(which);
  if (verb === 'trace') return await changeSessions('trace', which);
  if (verb !== 'kick') throw wrong(verb === '' ? 'what is to be done?' : `${verb} is not understood`);
  const { user, ip, session, all } = values;
  if (user === undefined && ip === undefined && session === undefined && all !== true) {
    throw wrong('say which sessions: -u, --ip, --session or --all');
  }
  return await changeSessions('kick', which);
}

function readArguments(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        ...{ config: { type: 'string' }, service: { type: 'string' }, json: { type: 'boolean' } },
        ...{ user: { type: 'string', short: 'u' }, ip: { type: 'string' }, session: { type: 'string' } },
        ...{ all: { type: 'boolean' }, host: { type: 'string' }, port: { type: 'string' }, tls: { type: 'boolean' } },
        ...{ verify: { type: 'boolean' }, mechanism: { type: 'string' }, timeout: { type: 'string' } },
        verbose: { type: 'boolean', short: 'v' },
      },
    });
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
}

function wrong(what: string): ProgramFailure {
  return new ProgramFailure(`${what}\n${usage}`, EXIT_USAGE);
}
