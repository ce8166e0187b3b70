/** What `--format json` and `stat --json` write, version 1: an object a line, told apart by their `type`. */

/** An integer; one that a double can't hold is a string of its decimal digits. */
export type JsonInteger = number | string;

/** By its type in C: addresses (`"0x…"`) and names of enums are strings, `void` is null. */
export type JsonValue =
  number | string | boolean | null | readonly JsonValue[] | { readonly [field: string]: JsonValue };

/** What a function returned: addresses and names of enums are strings; null: void. */
export type JsonReturn = JsonInteger | boolean | null;

/** The first line: all is attached. */
export interface JsonStart {
  readonly type: 'start';
  readonly version: 1;
  /** `uname -r`. */
  readonly kernel: string;
  /** How it is attached, as `--method` names it. */
  readonly method: string;
  /** How many functions are attached. */
  readonly functions: number;
  /** How many tracepoints are; absent where none was asked for. */
  readonly tracepoints?: number | undefined;
  readonly refused: readonly JsonRefused[];
  readonly attachMs: number;
}

/** A function, or tracepoint, that could not be traced. */
export interface JsonRefused {
  readonly function: string;
  readonly reason: string;
}

export interface JsonTask {
  readonly pid: number;
  readonly tid: number;
  /** Its name: 15 bytes at most; '' where the root's record was lost. */
  readonly comm: string;
}

/** A root's call with all that is below it: with `-g`. */
export interface JsonTree extends JsonTask {
  readonly type: 'tree';
  /** On which the root returned. */
  readonly cpu: number;
  /** CLOCK_MONOTONIC, in ns. */
  readonly startNs: string;
  /** False: `lost` and `why` are there. */
  readonly complete: boolean;
  /** How many calls are missing, or the least that can be. */
  readonly lost?: number;
  readonly why?: 'root record lost' | 'tracing ended' | 'task exited' | 'records lost';
  /** Of `--output-stack`: as `vfs_read+0x1c`, the innermost frame first. */
  readonly stack?: readonly string[];
  readonly root: JsonCall;
}

/** What is told of a call, in a tree or in a line of its own. */
export interface JsonCallFields {
  /** Null: its own record was lost, and what is below it is known. */
  readonly function: string | null;
  /** Null: of the kernel itself. A BPF program is `bpf:ID`. */
  readonly module: string | null;
  /** From entry to return; null where it has not returned. */
  readonly durationNs: number | null;
  /** How long it was open, where it has not returned. */
  readonly openNs?: number;
  /** Its duration without those of the calls directly below it. */
  readonly selfNs: number | null;
  /** How long, of its duration, the task was off the CPU: of `--cpu-time`. */
  readonly offCpuNs?: number;
  /** On which it returned. */
  readonly cpu: number;
  /** Null, too, where it has not returned. */
  readonly retval: JsonReturn;
  /** The name of the error that `retval` stands for, as `ENOENT`. */
  readonly errno: string | null;
  /** Of `--args`: those that are known. */
  readonly args: readonly JsonArgument[];
  /** Of `--output-arg`. */
  readonly outputs: readonly JsonOutput[];
}

export interface JsonCall extends JsonCallFields {
  /** Tracepoints that its task came by in it, in the order of time. */
  readonly marks?: readonly JsonMarkInCall[];
  /** In the order of time, with the gaps that lost records left. */
  readonly children: readonly (JsonCall | JsonGap)[];
}

/** So many calls are missing in this place, at whatever level. */
export interface JsonGap {
  readonly lost: number;
}

/** Why a value is not all there. */
interface JsonFlaws {
  /** The memory could not be read. */
  readonly fault?: true;
  /** It was in a record that was lost. */
  readonly lost?: true;
  /** There was more than was read. */
  readonly cut?: true;
}

export interface JsonArgument extends JsonFlaws {
  readonly name: string;
  /** As C has it. */
  readonly type: string;
  /** The string of a `char *`; of other pointers the address. */
  readonly value: JsonValue;
  /** Of a string. */
  readonly address?: string;
  /** Of `--args full`: the fields that are not 0 of the struct that is pointed at. */
  readonly target?: JsonValue;
  /** The function that is pointed at. */
  readonly symbol?: string;
  /** Why the method could not read it; `value` is null. */
  readonly missing?: 'on the stack';
}

export interface JsonOutput extends JsonFlaws {
  /** As it was given. */
  readonly expression: string;
  /** As C has it. */
  readonly type: string;
  readonly value: JsonValue;
  /** The function that is pointed at. */
  readonly symbol?: string;
}

/** A tracepoint that a task came by. */
export interface JsonMark {
  readonly tracepoint: string;
  readonly module: string | null;
  readonly cpu: number;
  /** CLOCK_MONOTONIC, in ns. */
  readonly startNs: string;
  readonly args: readonly JsonArgument[];
  readonly outputs: readonly JsonOutput[];
}

export interface JsonMarkInCall extends JsonMark {
  /** How many of the call's `children` began before it. */
  readonly before: number;
}

/** A call, when it has returned: without `-g`. */
export interface JsonCallLine extends JsonTask, JsonCallFields {
  readonly type: 'call';
  /** CLOCK_MONOTONIC, in ns. */
  readonly startNs: string;
  readonly stack?: readonly string[];
}

/** So many calls of a task are missing, where there are no trees. */
export interface JsonLostLine extends JsonTask {
  readonly type: 'lost';
  readonly lost: number;
}

/** A tracepoint that is in no tree. */
export interface JsonMarkLine extends JsonTask, JsonMark {
  readonly type: 'tracepoint';
  readonly stack?: readonly string[];
}

/** A call that begins: of `--live`. */
export interface JsonEntryLine extends JsonTask {
  readonly type: 'entry';
  readonly cpu: number;
  /** CLOCK_MONOTONIC, in ns. */
  readonly startNs: string;
  /** The root has 0. */
  readonly depth: number;
  readonly function: string | null;
  readonly module: string | null;
  readonly args: readonly JsonArgument[];
  readonly outputs: readonly JsonOutput[];
}

interface JsonCounted {
  /** The function. */
  readonly label: string;
  /** Whose values these are. */
  readonly expr: string;
  /** `ns`, or null: plain numbers. */
  readonly unit: string | null;
  /** How many values. */
  readonly count: number;
}

/** Of `hist(…)`: behind all trees. */
export interface JsonHistogram extends JsonCounted {
  readonly type: 'hist';
  /** Values from `from` (null: any smaller one) up to and without `to`. */
  readonly buckets: readonly {
    readonly from: JsonInteger | null;
    readonly to: JsonInteger;
    readonly count: number;
  }[];
}

/** Of `tdigest(…)`: behind all trees. */
export interface JsonDigest extends JsonCounted {
  readonly type: 'tdigest';
  readonly min: JsonInteger;
  readonly p50: JsonInteger;
  readonly p90: JsonInteger;
  readonly p95: JsonInteger;
  readonly p99: JsonInteger;
  readonly max: JsonInteger;
}

/** How many roots were called on this stack: of `--output-stack`, behind all trees. */
export interface JsonStack {
  readonly type: 'stack';
  readonly count: number;
  /** The innermost first. */
  readonly frames: readonly string[];
}

/** The last line: all is detached. */
export interface JsonSummary {
  readonly type: 'summary';
  readonly trees: number;
  readonly calls: number;
  /** Those of the calls that had not returned. */
  readonly unfinished: number;
  /** Tracepoints that were come by; absent where none was asked for. */
  readonly marks?: number | undefined;
  readonly lost: JsonLosses;
  /** Null: of a recording that was cut off. */
  readonly detachMs: number | null;
  /** What was the end of it, where that was neither asked for nor the command's. */
  readonly stopped: JsonStopped | null;
  /** The functions that made most records, five at most. */
  readonly hot: readonly { readonly function: string; readonly records: number }[];
}

/** By where they were lost. */
export interface JsonLosses {
  /** Records that found no room between the kernel and fsnoop. */
  readonly ring: number;
  /** Runs of the program that the kernel skipped, of any task. */
  readonly recursion: number;
  /** Of these, while their task was in no tree, where only roots can be missing: absent where none is known. */
  readonly outside?: number | undefined;
  /** Calls of which only the return was seen. */
  readonly entry: number;
  /** Records that fsnoop itself left out. */
  readonly user: number;
}

export interface JsonStopped {
  readonly reason: 'max-rate';
  readonly recordsPerSecond: number;
  readonly maxRate: number;
}

/** Before the lines of each interval, which are since the beginning: of `stat --interval`. */
export interface JsonInterval {
  readonly type: 'interval';
  readonly elapsedMs: number;
}

/** What was counted of a function, or of those of its calls that have something alike. */
export interface JsonStat {
  readonly type: 'stat';
  readonly function: string;
  readonly module: string | null;
  /** What the calls have alike: of `--by`. */
  readonly by?: JsonKey;
  /** Those that returned. */
  readonly calls: number;
  readonly totalNs: JsonInteger;
  /** Without what the counted calls took that are directly below. */
  readonly selfNs: JsonInteger;
  readonly minNs: number;
  readonly maxNs: number;
  readonly meanNs: number;
  /** The quantiles are within 1.6 % of the true ones. */
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
  /** How many calls failed how, as `{ENOENT: 3}`; `other`: those that are more than 15 different ones. */
  readonly errors: Readonly<Record<string, number>>;
  /**
   * Of each bucket that has calls the shortest time that is in it, in ns, and how many. There are 32 buckets to each
   * power of two, from 64 ns on; below, each time has one.
   */
  readonly histogram: readonly (readonly [lowestNs: number, calls: number])[];
}

/** One of these; `other`: they found no room in the table. */
export interface JsonKey {
  readonly comm?: string;
  readonly pid?: JsonInteger;
  readonly cpu?: JsonInteger;
  /** The inode of its folder. */
  readonly cgroup?: JsonInteger;
  readonly retval?: JsonReturn;
  readonly other?: true;
}

/** The last line of `stat --json`. */
export interface JsonStatSummary {
  readonly type: 'summary';
  readonly calls: number;
  /** Functions that were called. */
  readonly functions: number;
  /** Calls that had not returned: they are in no count. */
  readonly unfinished: number;
  /** Calls that are in no count. */
  readonly lost: Pick<JsonLosses, 'recursion' | 'outside' | 'entry'>;
  /** Calls that are counted, but in no quantile. */
  readonly uncounted: number;
  /** Calls in rows whose key is `other`. */
  readonly other: number;
  /**
   * How many ticks of the kernel took how long while their CPU ran a traced task, by the shortest time in ns of each
   * bucket: how fast the machine was. Absent where that isn't known.
   */
  readonly ticks?: readonly (readonly [lowestNs: number, ticks: number])[] | undefined;
  readonly detachMs: number;
}
