/** IDLE: tells the client what happens, as it happens, until it says DONE (RFC 2177). */
import { ClientGone, type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import type { BadLine, ReceivedCommand } from '../wire/command-reader.js';
import { SyntaxFailure } from '../wire/failures.js';
import { encodeContinuation, encodeUntagged } from '../wire/responses.js';

/** Wakes the idling session, once for however many reasons. */
class Bell {
  #ring: (() => void) | undefined;
  #rung = false;

  ring(): void {
    this.#rung = true;
    this.#ring?.();
  }

  async heard(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#ring = resolve;
      });
    }
    this.#rung = false;
    this.#ring = undefined;
  }
}

/** Announces what is due at once, then what comes; every now and then it says that the server is still there. */
export async function idle(session: Session): Promise<Completion> {
  session.expectLateDone(false);
  session.write(encodeContinuation('entering idle mode'));
  const answer = await announceUntilAnswer(session);
  if (answer === undefined) throw new ClientGone();
  if (answer.kind === 'command') {
    // Some clients send the next command without DONE, or before it; it must not be lost.
    session.putBack(answer);
    session.expectLateDone(true);
  } else if (answer.tag.toUpperCase() !== 'DONE') {
    throw new SyntaxFailure('Expected DONE.');
  }
  return ok('IDLE completed');
}

async function announceUntilAnswer(session: Session): Promise<ReceivedCommand | BadLine | undefined> {
  const bell = new Bell();
  const mailbox = session.state === 'selected' ? session.selected : undefined;
  mailbox?.watch(() => bell.ring());
  let answer: { readonly received: ReceivedCommand | BadLine | undefined } | undefined;
  let failure: unknown;
  const waiting = session.nextCommand().then(
    (received) => {
      answer = { received };
      bell.ring();
    },
    (error: unknown) => {
      failure = error;
      bell.ring();
    },
  );
  const heart = startHeartbeat(session, bell);
  try {
    while (answer === undefined && failure === undefined) {
      await session.announceChanges({ expunges: true });
      if (heart.takeBeat()) session.write(encodeUntagged({ status: 'OK', text: 'Still here' }));
      await session.flush();
      if (session.ended) return undefined;
      await bell.heard();
    }
  } finally {
    heart.stop();
    mailbox?.unwatch();
  }
  await waiting;
  if (failure !== undefined) throw failure;
  return answer?.received;
}

interface Heartbeat {
  /** Whether a sign of life is due; it is not due again before the next interval is over. */
  takeBeat(): boolean;
  stop(): void;
}

function startHeartbeat({ clock, settings }: Session, bell: Bell): Heartbeat {
  let due = false;
  let cancel: (() => void) | undefined;
  const schedule = (): void => {
    if (settings.idleHeartbeatSeconds <= 0) return;
    cancel = clock.after(settings.idleHeartbeatSeconds * 1000, () => {
      due = true;
      bell.ring();
      schedule();
    });
  };
  schedule();
  return {
    takeBeat() {
      const now = due;
      due = false;
      return now;
    },
    stop: () => cancel?.(),
  };
}
