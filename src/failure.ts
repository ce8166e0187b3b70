/** The errors that are the user's to mend; every other error is a bug of ours and keeps its stack. */

/** Exit statuses of fsnoop, for scripts. */
export const exitStatus = {
  failed: 1,
  usage: 2,
  overBudget: 3,
  lost: 4,
  cannotTrace: 5,
  /** `fsnoop vm`: there was no guest, or not to its end. */
  noGuest: 125,
  /** As a shell gives it for a process that SIGPIPE ended: the reader of the output left. */
  closedPipe: 141,
} as const;

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];

/**
 * Says what failed, on what, and what to do next. bin/run.js prints it, a line for each suggestion,
 * and ends the process with `oclif.exit`; the shape is one that oclif can print too.
 */
export class Failure extends Error {
  /** What to try, a command line or a sentence each; the nearest first. */
  readonly suggestions: string[];
  readonly oclif: { readonly exit: ExitStatus };

  constructor(exit: ExitStatus, message: string, ...suggestions: readonly string[]) {
    super(message);
    this.name = 'Error';
    this.suggestions = [...suggestions];
    this.oclif = { exit };
  }

  /** What the command ends with: of what kind the failure is. */
  get exitStatus(): ExitStatus {
    return this.oclif.exit;
  }
}
