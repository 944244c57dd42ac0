/**
 * Waits until a daemon answers on its Unix socket, or the process that keeps it has given up.
 *
 *     node wait-for-socket.js /run/courier/authdaemon/socket 4711
 */
import { connect } from 'node:net';

const [path = '', keeper = '0'] = process.argv.slice(2);
const POLL_MS = 50;

while (!(await answers())) {
  if (!keeperLives()) process.exit(1);
  await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

function answers(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function keeperLives(): boolean {
  try {
    process.kill(Number(keeper), 0);
    return true;
  } catch {
    return false;
  }
}
