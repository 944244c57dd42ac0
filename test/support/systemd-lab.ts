/**
 * A real systemd for tests; see systemd-lab.sh. Our units of init/systemd are in it, and the programs where these units
 * expect them. Root only.
 */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { scratchDirectory } from './maildir-fixture.js';
import { buildRoot, checkoutRoot } from './paths.js';
import { type Finished, mustRun, run } from './processes.js';

const SCRIPT = join(checkoutRoot, 'test', 'support', 'systemd-lab.sh');

/** A machine that has booted. */
export interface SystemdLab {
  /** Runs a command in it. */
  run(...command: readonly string[]): Promise<Finished>;
  /** The same for one that must succeed; gives what it printed. @throws {Error} with all that it said. */
  must(...command: readonly string[]): Promise<string>;
  /** One property of a unit, as `systemctl show` has it. */
  property(unit: string, name: string): Promise<string>;
  stop(): Promise<void>;
}

/** Where tests prepare the machine: `etc` is its /etc/courier; all of it is /mnt/site there. */
export interface LabSite {
  readonly path: string;
  /** Adds a unit, or a drop-in such as `imapd.service.d/test.conf`. */
  unit(name: string, text: string): void;
}

/** Boots a machine whose site `prepare` has filled. */
export async function bootSystemd(prepare: (site: LabSite) => void | Promise<void>): Promise<SystemdLab> {
  const scratch = scratchDirectory('systemd');
  const path = join(scratch.path, 'site');
  const units = join(path, 'units');
  mkdirSync(join(path, 'etc'), { recursive: true });
  cpSync(join(checkoutRoot, 'init', 'systemd'), units, { recursive: true });
  const unit = (name: string, text: string): void => {
    mkdirSync(dirname(join(units, name)), { recursive: true });
    writeFileSync(join(units, name), text);
  };
  await prepare({ path, unit });
  const environment = {
    LAB: join(scratch.path, 'lab'),
    SITE: path,
    SOURCE: checkoutRoot,
    BUILD: basename(buildRoot),
  };
  const command = (...words: readonly string[]) => ['/bin/bash', SCRIPT, ...words];
  const inside = (words: readonly string[]) => run(command('run', ...words), { environment });
  const must = (...words: readonly string[]) => mustRun(command('run', ...words), { environment });
  const stop = async (): Promise<void> => {
    await run(command('stop'), { environment });
    scratch.remove();
  };
  try {
    await mustRun(command('start'), { environment });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    run: (...words) => inside(words),
    must,
    property: async (name, property) => (await must('systemctl', 'show', '-P', property, name)).trim(),
    stop,
  };
}
