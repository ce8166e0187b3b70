/** What this machine offers to trace with, what is missing, and what to do about it. */
import { arch, release } from 'node:os';
import { loadNative } from './attach/native.js';
import { tryMethod } from './attach/probe.js';
import { Failure } from './failure.js';
import {
  readCapabilities,
  readLockdown,
  readLockedMemory,
  readSetting,
  type Capability,
} from './machine.js';
import { methods, type Method } from './plan/method.js';
import type { Diagnosis, Finding } from './render/doctor.js';
import type { Btf } from './symbols/btf.js';
import { openKcore } from './symbols/kcore.js';
import { findAvailable, loadBtf, loadSymbols } from './symbols/symbols.js';

const yes = (name: string, detail: string): Finding => ({
  name,
  answer: 'yes',
  detail,
  advice: [],
});

const no = (name: string, detail: string, ...advice: readonly string[]): Finding => ({
  name,
  answer: 'no',
  detail,
  advice,
});

const unsure = (name: string, detail: string): Finding => ({
  name,
  answer: 'could not tell',
  detail,
  advice: [],
});

/** Changes nothing; each method is tried on a function that nobody calls. */
export async function examine(): Promise<Diagnosis> {
  const types = attempt('BTF', () => {
    const btf = loadBtf(loadNative());
    return { btf, detail: 'the kernel tells its types' };
  });
  const btf = types.found?.btf ?? null;
  const tried = await Promise.all(methods.map((method) => examineMethod(method, btf)));
  const tracefs = attempt('tracefs', () => ({ detail: findAvailable() })).finding;
  const symbols = examineSymbols(tracefs);
  const ftrace = examineFtrace();
  const isReady = [symbols, ftrace].every(({ answer }) => answer === 'yes');
  const able = tried.find(({ answer }) => isReady && answer === 'yes')?.name;
  return {
    kernel: release(),
    arch: arch(),
    method: able ?? null,
    machine: [
      examineCapabilities(readCapabilities()),
      examineLockdown(),
      types.finding,
      tracefs,
      examineKcore(),
      symbols,
      ftrace,
      examineJit(),
      examineLockedMemory(),
    ],
    methods: tried,
  };
}

/** What fails is the finding, in its own words. */
function attempt<Found extends { readonly detail: string }>(
  name: string,
  find: () => Found,
): { readonly finding: Finding; readonly found: Found | null } {
  try {
    const found = find();
    return { finding: yes(name, found.detail), found };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // some say to run what runs here
    const advice = error.suggestions.filter((text) => !text.endsWith('fsnoop doctor'));
    return { finding: no(name, error.message, ...advice), found: null };
  }
}

async function examineMethod(method: Method, btf: Btf | null): Promise<Finding<Method>> {
  const { offer, detail } =
    btf === null
      ? ({ offer: 'no', detail: 'it needs BTF' } as const)
      : await tryMethod(method, btf);
  return { name: method, answer: offer, detail, advice: [] };
}

/** To attach; and to read what the kernel tells root alone. */
const needed = ['CAP_BPF', 'CAP_PERFMON', 'CAP_DAC_READ_SEARCH'] as const;
/** For the kernel's memory: to find callees by, and to read symbols from, which is faster. */
const useful = ['CAP_SYSLOG', 'CAP_SYS_RAWIO'] as const;

const implied: Readonly<Partial<Record<Capability, Capability>>> = {
  CAP_BPF: 'CAP_SYS_ADMIN',
  CAP_PERFMON: 'CAP_SYS_ADMIN',
  CAP_SYSLOG: 'CAP_SYS_ADMIN',
  CAP_DAC_READ_SEARCH: 'CAP_DAC_OVERRIDE',
};

function examineCapabilities(held: ReadonlySet<Capability>): Finding {
  const has = (name: Capability) => held.has(name) || held.has(implied[name] ?? name);
  const who = process.geteuid?.() === 0 ? 'root' : `user ${process.geteuid?.() ?? '?'}`;
  const lacking = needed.filter((name) => !has(name));
  const poorer = useful.filter((name) => !has(name));
  if (lacking.length > 0)
    return no(
      'privileges',
      `${who} lacks ${lacking.join(', ')}`,
      'Run it as root: sudo fsnoop …',
      `Or with no more than it takes: ${spellSetpriv()}`,
    );
  if (poorer.length === 0) return yes('privileges', `${who} has all that tracing takes`);
  return {
    name: 'privileges',
    answer: 'yes',
    detail: `${who} has what tracing takes, and lacks ${poorer.join(', ')}`,
    advice: ['Those let -g read the code of the kernel, to find what a function calls'],
  };
}

/** setpriv(1) of util-linux. */
function spellSetpriv(): string {
  const names = [...needed, ...useful].map((name) => `+${name.slice(4).toLowerCase()}`).join();
  return `caps=${names}; sudo setpriv --reuid $USER --init-groups --inh-caps $caps --ambient-caps $caps fsnoop …`;
}

function examineLockdown(): Finding {
  const lockdown = readLockdown();
  if (lockdown === null) return unsure('lockdown', 'there is no /sys/kernel/security/lockdown');
  if (lockdown !== 'confidentiality') return yes('lockdown', lockdown);
  return no(
    'lockdown',
    'confidentiality: the kernel shows nobody its memory, nor what can be traced',
    'Boot without lockdown=confidentiality; integrity, as Secure Boot has it, allows tracing',
  );
}

/** What tracefs lacks is said there. */
function examineSymbols(tracefs: Finding): Finding {
  const { finding } = attempt('symbols', () => {
    loadSymbols(['vfs_read'], loadNative());
    return { detail: 'the kernel tells its functions, and which of them can be traced' };
  });
  return finding.detail === tracefs.detail
    ? no('symbols', 'neither tracefs nor kcore tells which functions can be traced')
    : finding;
}

function examineKcore(): Finding {
  return attempt('kcore', () => {
    openKcore().close();
    return { detail: '/proc/kcore can be read: -g finds what a function calls' };
  }).finding;
}

function examineFtrace(): Finding {
  const setting = readSetting('kernel.ftrace_enabled');
  if (setting === null)
    return no(
      'ftrace',
      'there is no kernel.ftrace_enabled: this kernel can patch no function',
      'Boot a kernel built with CONFIG_FUNCTION_TRACER=y and CONFIG_DYNAMIC_FTRACE=y',
    );
  return setting === '0'
    ? no('ftrace', 'kernel.ftrace_enabled is 0', 'sudo sysctl kernel.ftrace_enabled=1')
    : yes('ftrace', 'kernel.ftrace_enabled is 1');
}

function examineJit(): Finding {
  const setting = readSetting('net.core.bpf_jit_enable');
  if (setting === '0')
    return no('BPF JIT', 'net.core.bpf_jit_enable is 0', 'sudo sysctl net.core.bpf_jit_enable=1');
  return setting === null
    ? unsure('BPF JIT', 'net.core.bpf_jit_enable is not for this user to read')
    : yes('BPF JIT', `net.core.bpf_jit_enable is ${setting}`);
}

function examineLockedMemory(): Finding {
  const bytes = readLockedMemory();
  const limit = bytes === null ? 'no limit' : `${Math.round(bytes / 1024)} KiB`;
  return yes('locked memory', `${limit}; since Linux 5.11 BPF does not count here`);
}
