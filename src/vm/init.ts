/** The guest's first process: a shell script that prepares the system, runs the command and reports. */
import { quoteShell } from '../words/shell.js';

/** Places inside the guest that both sides know. */
export const guestPaths = {
  home: '/root',
  package: '/usr/lib/node_modules/fsnoop',
  command: '/etc/fsnoop/command',
  modules: '/usr/lib/modules',
} as const;

/** Numbers of the virtio-serial ports, /dev/vport0pN in the guest, and of the serial lines, /dev/ttySN. */
export const ports = { stdout: 1, stderr: 2, control: 3 } as const;

/**
 * The script that becomes the command, argument for argument, when the modules of these names are loaded; if one
 * can't be, the guest could not start: 125.
 */
export function renderCommand(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  modules: readonly string[],
): string {
  const loads = modules.map((name) => `insmod ${guestPaths.modules}/${name}.ko || exit 125`);
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quoteShell(value)}`);
  return [...loads, ...exports, `exec ${command.map(quoteShell).join(' ')}`, ''].join('\n');
}

/**
 * `/init`. On the control port it says `up` when the command starts and `exit N` when it has ended and all its
 * output is out, then waits for an answer before it powers off. `endMark` follows the last byte of each stream.
 *
 * A port can be opened only once and takes at most 32 KiB a write, which node doesn't expect: so the command
 * writes to a pipe, as in any shell, and `cat` carries it over. Kernels without virtio-serial (Debian's 6.1 has
 * it as a module) use serial lines, which are slow.
 */
export function renderInit(endMark: string): string {
  return `#!/bin/sh
export PATH=/usr/bin HOME=${guestPaths.home} LANG=C.UTF-8
{
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tracefs tracing /sys/kernel/tracing
mount -t debugfs debug /sys/kernel/debug
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup /sys/fs/cgroup
} 2>/dev/null
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
for name in stdin:0 stdout:1 stderr:2; do
  [ -e /dev/\${name%:*} ] || ln -s /proc/self/fd/\${name#*:} /dev/\${name%:*}
done
hostname -F /etc/hostname
ip link set lo up
chmod 1777 /tmp

port=/dev/vport0p
if [ -d /sys/bus/virtio/drivers/virtio_console ]; then
  for number in ${Object.values(ports).join(' ')}; do
    until [ -c $port$number ]; do sleep 0.02; done
  done
else
  port=/dev/ttyS
  for number in ${Object.values(ports).join(' ')}; do stty -F $port$number 115200 raw -echo; done
fi
exec 3<>\${port}${ports.control} 4>\${port}${ports.stdout} 5>\${port}${ports.stderr}
mkfifo /run/stdout /run/stderr
cat </run/stdout >&4 3>&- 4>&- 5>&- & stdout=$!
cat </run/stderr >&5 3>&- 4>&- 5>&- & stderr=$!

cd ${guestPaths.home}
echo up >&3
sh ${guestPaths.command} </dev/null >/run/stdout 2>/run/stderr 3>&- 4>&- 5>&-
status=$?

# what the command left behind holds its output open
for process in /proc/[0-9]*; do
  case \${process#/proc/} in 1 | $stdout | $stderr) ;; *) kill -9 \${process#/proc/} ;; esac
done 2>/dev/null
wait $stdout $stderr
printf %s ${endMark} >&4
printf %s ${endMark} >&5
echo "exit $status" >&3
read -r answer <&3
poweroff -f
`;
}
