/** The machines that a guest can be, and what differs between them. */
import { exitStatus, Failure } from '../failure.js';
import type { Program } from './programs.js';

/** As node names them. */
export const architectures = ['x64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

interface Traits {
  /** Debian's name. */
  readonly debian: string;
  readonly qemu: Program;
  /** Of QEMU. */
  readonly machine: string;
  /** Of QEMU's own CPUs, the one that virtual time is counted on. */
  readonly countedCpu: string;
  /** Of QEMU's own CPUs, the one to trace on. */
  readonly cpu: string;
  /** The kernel's console. */
  readonly console: string;
  /** How many serial lines the machine has, of which the first is the console. */
  readonly serialLines: number;
  /** Where the build of a kernel leaves it. */
  readonly image: string;
}

export const traitsOf: Readonly<Record<Architecture, Traits>> = {
  x64: {
    debian: 'amd64',
    qemu: 'qemu-system-x86_64',
    machine: 'q35',
    countedCpu: 'max',
    // cmpxchg16b of QEMU 7.2 leaves other bits in the flags, maybe TF, which crashes kernels up to 6.12. Without erms
    // memory is moved in words, not bytes: QEMU executes each turn of a rep
    cpu: 'max,cx16=off,erms=off,fsrm=off',
    console: 'ttyS0',
    serialLines: 4,
    image: 'arch/x86/boot/bzImage',
  },
  arm64: {
    debian: 'arm64',
    qemu: 'qemu-system-aarch64',
    machine: 'virt,gic-version=max',
    // of `max`, signing each return address takes QEMU as long as all else
    countedCpu: 'cortex-a76',
    cpu: 'cortex-a76',
    console: 'ttyAMA0',
    serialLines: 1,
    image: 'arch/arm64/boot/Image',
  },
};

/**
 * What this machine is.
 * @throws {Failure} when no guest can be so
 */
export function findOwnArchitecture(name: string = process.arch): Architecture {
  const own = architectures.find((known) => known === name);
  if (own !== undefined) return own;
  throw new Failure(
    exitStatus.failed,
    `This machine is ${name}, and guests are ${architectures.join(' or ')}.`,
    ...architectures.map((other) => `--arch ${other}`),
  );
}
