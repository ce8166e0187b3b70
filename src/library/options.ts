/**
 * What a program can ask for: the flags of `fsnoop trace` and `fsnoop stat` in camelCase, with the same meanings and
 * defaults, where nothing else is said. `fsnoop trace --help` and docs/ tell more of each.
 */

/** One or more; as with a flag, each may hold several with commas between them. */
export type Texts = string | readonly string[];

/** A number, or a text with a unit: of bytes `16M`, of times `10us`, `5m`, of a rate `500K`. */
export type Amount = number | string;

export type Method =
  'auto' | 'fsession.multi' | 'fsession' | 'fentry+fexit' | 'kprobe.session' | 'kprobe.multi';

/** Which functions, which of their calls, and for how long. */
export interface CallOptions {
  /** Functions: names or globs, as `vfs_*`, `*:(struct sock *)sk`. */
  readonly kfunc?: Texts | undefined;
  /** BPF programs that are loaded: `name:xdp_pass`, `id:12`. */
  readonly prog?: Texts | undefined;
  /** Globs are of functions in these modules too. */
  readonly kfuncKmods?: Texts | undefined;
  /** Globs are of functions in all modules too. Not with `kfuncKmods`. */
  readonly kfuncAllKmods?: boolean | undefined;
  /**
   * Is run, traced with its children, and ends it: a text as at a shell, or a program with its arguments. It is
   * ended by SIGTERM where something else is the end of it. Not with `filterPid`.
   */
  readonly command?: Texts | undefined;
  /**
   * What standard input, output and error the command has: none, or those of this process.
   * Default: `ignore`.
   */
  readonly commandStdio?: 'ignore' | 'inherit' | undefined;
  /** Trees of calls: what is below each call too. */
  readonly outputFgraph?: boolean | undefined;
  /** Only these below, also where only indirect calls lead to them. */
  readonly fgraphInclude?: Texts | undefined;
  /** Not these below, nor what only they call. */
  readonly fgraphExclude?: Texts | undefined;
  /** These below in any case. */
  readonly fgraphExtra?: Texts | undefined;
  /** What is called below is learnt first: true, or in so many calls of the functions. */
  readonly fgraphLearn?: boolean | number | undefined;
  /** A file for what was learnt. */
  readonly fgraphSave?: string | undefined;
  /** A file with what was learnt. Not with `fgraphLearn` or `fgraphInclude`. */
  readonly fgraphLoad?: string | undefined;
  /** Levels below the root, from 1. Default: 5. */
  readonly fgraphMaxDepth?: number | undefined;
  /** Unlikely paths too: warnings, logging, panics. */
  readonly fgraphAllPaths?: boolean | undefined;
  /**
   * Only these processes. With `process.pid` it is this one, which is left out otherwise: of what fsnoop does in it
   * some is then traced too.
   */
  readonly filterPid?: number | string | readonly (number | string)[] | undefined;
  /** Only calls for which this holds, in C: `count == 4096`; all must. */
  readonly filterArg?: Texts | undefined;
  /** Only calls that return an error. */
  readonly errors?: boolean | undefined;
  /** Only those that return one of these: `ENOENT`. */
  readonly errno?: Texts | undefined;
  /** Only tasks of this name: 15 bytes at most. */
  readonly comm?: string | undefined;
  /** Only tasks in this cgroup of version 2, or below it: its folder, or where that is below /sys/fs/cgroup. */
  readonly cgroup?: string | undefined;
  /** Shorter calls are dropped in the kernel; with a unit: `10us`. */
  readonly minDuration?: string | undefined;
  /** It ends after this time; a number is of seconds. */
  readonly duration?: Amount | undefined;
  /**
   * This process is killed when its event loop stands still for so long, so that nothing stays attached; a number is
   * of seconds, 0: never. Default: 0, not the command's 30 s.
   */
  readonly watchdog?: Amount | undefined;
  /** How to attach. Default: `auto`. */
  readonly method?: Method | undefined;
  /** Ends it at once: all is detached, and what is waited for rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Gets what the command tells people on standard error, in lines: what was learnt, why it was stopped. */
  readonly onNote?: ((text: string) => void) | undefined;
}

/** How records come out of the kernel. */
interface RecordOptions {
  /** It ends when more records a second are made; 0: never. Default: `5M`. */
  readonly maxRate?: Amount | undefined;
  /** Room for records on their way out of the kernel, in bytes, up to 256M. Default: `16M`. */
  readonly buffer?: Amount | undefined;
}

export interface TraceOptions extends CallOptions, RecordOptions {
  /** Tracepoints: marks in trees and among calls; without functions each hit. */
  readonly tracepoint?: Texts | undefined;
  /** Each call's `offCpuNs`. Not with `live`. */
  readonly cpuTime?: boolean | undefined;
  /** How much is told of arguments. Default: `compact`. */
  readonly args?: 'off' | 'compact' | 'full' | undefined;
  /** What else is told of each call, in C: `file->f_inode->i_size`; or counted: `hist(count)`. */
  readonly outputArg?: Texts | undefined;
  /** The kernel stack of each root. */
  readonly outputStack?: boolean | undefined;
  /** It ends after so many trees, or calls without `outputFgraph`; from 1. */
  readonly limitEvents?: number | undefined;
  /** Entries of calls too, as they begin. */
  readonly live?: boolean | undefined;
}

export interface StatOptions extends CallOptions, RecordOptions {
  /** What calls of a function are told apart by. */
  readonly by?: 'comm' | 'pid' | 'cpu' | 'cgroup' | 'retval' | undefined;
  /** What the order is by, the most first. Default: `total`. */
  readonly sort?:
    | 'total'
    | 'self'
    | 'calls'
    | 'min'
    | 'mean'
    | 'max'
    | 'p50'
    | 'p90'
    | 'p99'
    | 'errors'
    | 'name'
    | undefined;
  /** No more than so many, from 1. */
  readonly top?: number | undefined;
  /** How often the iterator gives what was counted so far; a number is of seconds. Without it: at the end only. */
  readonly interval?: Amount | undefined;
  /** A file that each counted call is recorded in, too, as with `fsnoop record`. `maxRate` and `buffer` are of that. */
  readonly record?: string | undefined;
}
