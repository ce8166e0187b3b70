/** What this machine's settings and this process's capabilities allow, as the kernel tells them. */
import { readFileSync } from 'node:fs';

/** Set to 1 where a nanosecond is an instruction: in a guest of `fsnoop vm --icount`. */
export const countedVariable = 'FSNOOP_ICOUNT';

export const countsInstructions = (): boolean => process.env[countedVariable] === '1';

const lockdowns = ['none', 'integrity', 'confidentiality'] as const;

export type Lockdown = (typeof lockdowns)[number];

/** Bits that tracing has to do with: include/uapi/linux/capability.h. */
const capabilityBits = {
  CAP_DAC_OVERRIDE: 1,
  CAP_DAC_READ_SEARCH: 2,
  CAP_SYS_RAWIO: 17,
  CAP_SYS_ADMIN: 21,
  CAP_SYSLOG: 34,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
} as const;

export type Capability = keyof typeof capabilityBits;

const allCapabilities = Object.keys(capabilityBits) as Capability[];

/** Of the text of /sys/kernel/security/lockdown: `none [integrity] confidentiality`. */
export function parseLockdown(text: string): Lockdown | null {
  return lockdowns.find((lockdown) => text.includes(`[${lockdown}]`)) ?? null;
}

/** The effective ones, of the text of /proc/self/status: proc(5). */
export function parseCapabilities(status: string): ReadonlySet<Capability> {
  const [, hex = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  const held = BigInt(`0x${hex}`);
  return new Set(allCapabilities.filter((name) => (held >> BigInt(capabilityBits[name])) & 1n));
}

/** In bytes, of the text of /proc/self/limits; null for no limit. */
export function parseLockedMemory(limits: string): number | null {
  const [, soft = 'unlimited'] = /^Max locked memory\s+(\S+)/m.exec(limits) ?? [];
  return soft === 'unlimited' ? null : Number(soft);
}

/** Null where the kernel does not tell: it has no such thing, or securityfs is not mounted. */
export const readLockdown = (): Lockdown | null =>
  parseLockdown(readText('/sys/kernel/security/lockdown') ?? '');

export const readCapabilities = (): ReadonlySet<Capability> =>
  parseCapabilities(readText('/proc/self/status') ?? '');

export const readLockedMemory = (): number | null =>
  parseLockedMemory(readText('/proc/self/limits') ?? '');

/** By its name as sysctl(8) has it: `kernel.ftrace_enabled`. Null where there is none. */
export const readSetting = (name: string): string | null =>
  readText(`/proc/sys/${name.replaceAll('.', '/')}`)?.trim() ?? null;

/** Null where there is no such file, or it is not for this user. */
function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
