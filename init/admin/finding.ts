/**
 * What `angarium doctor` finds: one line each, with the remedy where something is wrong.
 */
import { describeProblem, type SettingsProblem } from '../runtime/settings/settings-file.js';

/** `error`: mail does not work, or not for everybody. `warning`: it will not for long, or not safely. */
export interface Finding {
  readonly state: 'ok' | 'warning' | 'error';
  /** What was looked at: `imapd`, `disk`. */
  readonly about: string;
  readonly text: string;
}

/** Nothing is wrong. */
export function ok(about: string, text: string): Finding {
  return { state: 'ok', about, text };
}

/** Something is odd. */
export function warning(about: string, text: string): Finding {
  return { state: 'warning', about, text };
}

/** Something is wrong. */
export function trouble(about: string, text: string): Finding {
  return { state: 'error', about, text };
}

/** What a settings reader has to say; one line that all is well, when it has nothing. */
export function settingsFindings(
  about: string,
  problems: readonly SettingsProblem[],
  warnings: readonly SettingsProblem[],
): Finding[] {
  const wrong = problems.map((problem) => trouble(about, describeProblem(problem)));
  const good = wrong.length === 0 ? [ok(about, 'the settings have no mistakes')] : [];
  return [...good, ...wrong, ...warnings.map((problem) => warning(about, describeProblem(problem)))];
}
