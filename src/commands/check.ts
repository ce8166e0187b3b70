/** `fsnoop check`: whether kernel functions stay within their budget while a command runs. */
import { Command } from '@oclif/core/command';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { example } from '../cli/example.js';
import { baselinePathOf, loadBaseline } from '../recorded/baseline.js';
import { loadBudget } from '../budget/load.js';
import { check } from '../tracing/check.js';
import { askFor, failInBudgetWords, inBudgetWords, noteFilter } from '../cli/budget-words.js';
import { outputFlags, parseOutput } from '../cli/printing-flags.js';
import { showProgress } from '../cli/terminal.js';
import { callFlags } from '../cli/tracing-flags.js';
import { exitStatus, Failure } from '../failure.js';
import { countsInstructions } from '../machine.js';

export default class Check extends Command {
  static override summary = 'Hold kernel functions to a budget: calls, times, errors, structure.';
  static override description = `Runs a command, traces what BUDGET says, and judges each of its limits:

  trace: {kfunc: [vfs_read], include: ['ext4_*'], runs: 5}
  command: ./workload.sh
  budgets:
    - {function: vfs_read, calls: <= 1000, p99: < 50us, total: < 10ms}
    - {function: 'blk_mq_*', calls: 0}
    - {function: vfs_read, errors: 0, never-calls: [schedule]}
    - {function: 'ext4_*', share-of: vfs_read, max: 80%}
  baseline: perf/baseline.json
  tolerance: 10%

Limits are of calls, errors, total, self, mean, min, max, p50, p90, p99; <, <=, >, >=, == or none, for <=; a list has several.
What begins with > needs quotes. Functions that a glob matches are taken together.
A function that has a limit is traced wherever the command calls it, below kfunc or not; with filter only below the calls of
kfunc that it lets through. What never-calls names, and what is a share-of another, counts below that.
Of several runs, counts hold in each, and of times the median counts. A time without a call breaks its budget.
Under fsnoop vm --icount times are numbers of instructions, the same on each machine: p99: < 20000 instructions.
schemas/budget.schema.json says all that a budget may have; editors check it where the file begins with
  # yaml-language-server: $schema=https://unpkg.com/fsnoop/schemas/budget.schema.json
Exit status: 0 all held; 1 the command failed; 2 wrong budget; 3 over budget; 4 records were lost, so that it is not sure; 5 this kernel or user cannot trace.`;
  static override examples = [
    example('The command that the budget names', 'fsnoop check budget.yaml'),
    example(
      'Another one, five times, and what CI systems read',
      'fsnoop check budget.yaml --runs 5 --junit junit.xml -- make test',
    ),
    example(
      'In instructions, in a guest: the same figures everywhere',
      'fsnoop vm --icount --file budget.yaml -- fsnoop check budget.yaml',
    ),
    example('Make what later runs are compared with', 'fsnoop check budget.yaml --update-baseline'),
  ];
  static override usage = '<%= command.id %> BUDGET [FLAGS] [-- COMMAND...]';
  static override args = {
    budget: Args.string({ required: true, ignoreStdin: true, description: 'A file in YAML.' }),
    command: Args.string({
      multiple: true,
      ignoreStdin: true,
      description: "Run it in place of the budget's own.",
    }),
  };
  static override flags = {
    runs: Flags.integer({
      summary: 'Run the command so often.',
      helpValue: 'N',
      min: 1,
      max: 1000,
    }),
    junit: Flags.string({
      summary: "Write JUnit's XML, too; - is standard output.",
      helpValue: 'FILE',
    }),
    'update-baseline': Flags.boolean({
      summary: 'Keep what is measured where the budget has its baseline, and compare with nothing.',
    }),
    json: Flags.boolean({ summary: 'JSON, one object a line.' }),
    output: outputFlags.output,
    color: outputFlags.color,
    'dry-run': callFlags['dry-run'],
    method: callFlags.method,
    watchdog: callFlags.watchdog,
    verbose: callFlags.verbose,
  };

  /** What is wrong is said in the budget's words. */
  protected override catch(error: Error): never {
    throw failInBudgetWords(error);
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Check);
    const file = loadBudget(args.budget);
    const command = args.command ?? file.command ?? noCommand();
    const { output, terminal, color } = parseOutput(flags);
    const format = flags.json ? ('json' as const) : ('text' as const);
    const conditions = {
      runs: flags.runs ?? file.trace.runs,
      unit: countsInstructions() ? ('instructions' as const) : ('ns' as const),
    };
    const { baseline } = file;
    const path = baseline === null ? null : baselinePathOf(args.budget, baseline.path);
    const keeps = flags['update-baseline'];
    if (keeps && path === null) throw nowhereToKeep(args.budget);
    const { 'dry-run': dryRun, method, watchdog, verbose } = flags;
    // instructions of who else ran on the CPU are not the function's
    const cpuTime = conditions.unit === 'instructions';
    const given = { method, 'cpu-time': cpuTime, 'dry-run': dryRun, watchdog, command };
    const onNote = (text: string) => process.stderr.write(inBudgetWords(text));
    onNote(noteFilter(args.budget, file));
    const status = await check({
      ...{ path: args.budget, file, format, color, width: terminal?.columns ?? null },
      conditions,
      baseline: path === null || keeps ? null : loadBaseline(path, conditions),
      keepAt: keeps ? path : null,
      trace: {
        ...askFor(args.budget, file, given),
        ...{ dryRun, verbose, color, format: 'text', prototypes: false, output: null },
        ...{ readyFile: null, strict: false, endBy: 'signals', heapOwner: 'fsnoop' },
        commandOutput: 2, // the verdict alone is on standard output
        onProgress: showProgress,
        onNote,
      },
      output,
      junit: flags.junit ?? null,
      annotate: process.env['GITHUB_ACTIONS'] === 'true',
    });
    this.exit(status);
  }
}

function noCommand(): never {
  throw new Failure(
    exitStatus.usage,
    'There is no command to run.',
    'Name it in the budget, command: ./workload.sh, or after it: fsnoop check budget.yaml -- ./workload.sh',
  );
}

const nowhereToKeep = (path: string): Failure =>
  new Failure(
    exitStatus.usage,
    `${path} has no baseline to update.`,
    'Name its file there: baseline: perf/baseline.json',
  );
