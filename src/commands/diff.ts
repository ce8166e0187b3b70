/** `fsnoop diff`: what differs between two runs, and whether chance alone may have made it. */
import { Command } from '@oclif/core/command';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { example } from '../cli/example.js';
import { outputFlags, parseOutput } from '../cli/printing-flags.js';
import { diff } from '../recorded/diff.js';
import { withCaret } from '../plan/caret.js';
import { parsePercent } from '../words/quantities.js';
import { usualTolerance } from '../tree/compare.js';
import { parseCondition } from '../tree/condition.js';
import { changeKeys } from '../tree/sort-changes.js';

export default class Diff extends Command {
  static override summary = 'Compare two recordings or counts: what got more, longer, or new.';
  static override description = `BEFORE and AFTER are files of fsnoop record, or JSON of fsnoop stat or
fsnoop report; - is standard input. Both are to be of the same work: calls are
compared as they are, not by the second.

~ marks what may be chance. Counts are held to be Poisson; times are compared
by ranks (Mann and Whitney), quantiles by how many calls are beyond (an
exceedance test), means by Welch's t, totals by the spread of what they are
made of. SLOWER is the chance that a call after takes longer than one before:
50% where nothing changed. Calls of a run are like each other, and runs of the
same work differ. So where times are compared no more than 200 calls of each
function count, and what is beyond --tolerance; and a change counts only with
p < 0.001, divided by the number of functions. A tail that a tenth of the
calls does not reach may then go unseen, as may what --tolerance is larger
than: on a quiet machine, choose less.

What a machine that was slower or faster may have made of times is allowed
besides, where both files tell how long the kernel's own tick took. That is
known the better the more CPU time a run takes: a second is enough. Where it is
known that the machine was as fast for both, --steady leaves it out; also where
the tick itself is another one, as of two kernels.

A condition is a measure, > or <, and a change, of all functions or of some:
'p99 > +10%', 'total > +50us', 'calls < -100 of vfs_*,ksys_read'. Measures are
calls, errors, total, self, mean, min, max, p50, p90 and p99. new and gone are
conditions too. One holds where a function is beyond the change by more than
chance, p as above, and its times by more than --tolerance besides: 'p50 > +20%'
with 50% holds beyond 1.2 x 1.5, which is four fifths more.

Exit status: 0; 1 a file is not whole; 2 wrong usage, or a file is something
else; 3 a condition holds; 4 none holds, but something was lost in a run.`;
  static override examples = [
    example(
      'What a change to the kernel made of the same work',
      'fsnoop diff before.fsnoop after.fsnoop',
    ),
    example(
      'Fail where reads got slower, or more',
      `fsnoop diff a.json b.json --fail-on 'p99 > +10%' --fail-on 'calls > +10%'`,
    ),
    example(
      'Fail where something calls a function that was not called before',
      `fsnoop diff before.fsnoop after.fsnoop --fail-on 'new of ext4_*'`,
    ),
    example(
      'All functions, for programs, an object a line',
      'fsnoop diff before.fsnoop after.fsnoop --all --json',
    ),
  ];
  static override args = {
    before: Args.string({ required: true, ignoreStdin: true, description: 'The run before.' }),
    after: Args.string({ required: true, ignoreStdin: true, description: 'The run after.' }),
  };
  static override flags = {
    'fail-on': Flags.string({
      summary: "Exit with 3 when this holds: 'p99 > +10%', 'calls > +100 of vfs_*', 'new'.",
      helpValue: 'CONDITION',
      multiple: true,
      multipleNonGreedy: true,
    }),
    tolerance: Flags.string({
      summary: 'What times of equal runs may differ by.',
      helpValue: 'PERCENT',
      default: `${usualTolerance * 100}%`,
    }),
    steady: Flags.boolean({
      summary: 'The machine was as fast for both: allow nothing for what its ticks tell.',
    }),
    all: Flags.boolean({ summary: 'Show what did not change, or may have by chance, too.' }),
    sort: Flags.option({
      options: changeKeys,
      summary: 'What the order is by: what changed most first, as a ratio or in a measure.',
      default: 'change' as const,
    })(),
    top: Flags.integer({
      summary: 'Show no more functions than so many.',
      helpValue: 'N',
      min: 1,
    }),
    json: Flags.boolean({ summary: 'JSON, one object a line.' }),
    ...outputFlags,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Diff);
    const { 'fail-on': conditions = [] } = flags;
    const { output, terminal, color } = parseOutput(flags);
    const status = await diff({
      ...args,
      tolerance: parsePercent('--tolerance', flags.tolerance),
      steady: flags.steady,
      conditions: withCaret('--fail-on', () => conditions.map(parseCondition)),
      show: flags.all ? 'all' : 'significant',
      sort: flags.sort,
      top: flags.top ?? null,
      format: flags.json ? 'json' : 'text',
      output,
      width: terminal?.columns ?? null,
      color,
      onNote: (text) => process.stderr.write(text),
    });
    this.exit(status);
  }
}
