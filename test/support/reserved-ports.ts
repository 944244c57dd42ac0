/**
 * Ports that tests have been given: test files run beside one another, and a second may pass between the look whether a
 * port is free and the server that listens there. A file for each port says which process has it; it is worth nothing
 * once that process has ended.
 */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from '../../init/runtime/system/is-alive.js';

const DIRECTORY = join(tmpdir(), 'angarium-test-ports');

const own = new Set<number>();

/** Takes a port for this process, up to its end. False: another process has it, or this one. */
export function reservePort(port: number): boolean {
  if (own.size === 0) prepare();
  const isOurs = write(port) || (isLeftBehind(port) && write(port));
  if (isOurs) own.add(port);
  return isOurs;
}

/** Gives a port back. */
export function releasePort(port: number): void {
  own.delete(port);
  rmSync(fileOf(port), { force: true });
}

function prepare(): void {
  try {
    mkdirSync(DIRECTORY);
    // Other users run tests, too.
    chmodSync(DIRECTORY, 0o1777);
  } catch {
    // It is there.
  }
  process.once('exit', () => own.forEach(releasePort));
}

function write(port: number): boolean {
  try {
    writeFileSync(fileOf(port), String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

/** Removes the file of a process that has ended. */
function isLeftBehind(port: number): boolean {
  try {
    // One that nothing was written into yet has number 0, which is alive.
    if (isAlive(Number(readFileSync(fileOf(port), 'utf8')))) return false;
    rmSync(fileOf(port));
    return true;
  } catch {
    // Somebody else was faster, or it is another user's.
    return false;
  }
}

function fileOf(port: number): string {
  return join(DIRECTORY, String(port));
}
