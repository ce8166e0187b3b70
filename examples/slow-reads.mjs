// @ts-check
/**
 * Says where the time of a command's slowest reads went. As root:
 * node examples/slow-reads.mjs cp -r /etc /tmp/etc
 */
import { Failure, stat, trace } from 'fsnoop';

const command = process.argv.slice(2);

try {
  const [reads] = await stat({ kfunc: 'ksys_read', command }).functions;
  if (reads === undefined) throw new Error(`${command[0]} reads nothing`);
  console.log(`${reads.calls} reads, ${reads.totalNs} ns; 99 % of them within ${reads.p99Ns} ns`);

  const again = trace({ kfunc: 'ksys_read', outputFgraph: true, args: 'off', command });
  for await (const { root } of again) {
    const { durationNs } = root;
    if (durationNs !== null && durationNs > reads.p99Ns)
      console.log(`${durationNs} ns, longest in ${longest(root).function}`);
  }
  const { lost } = await again.summary;
  console.log(`records lost: ${lost.ring + lost.entry}`);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(error.message, ...error.suggestions.map((text) => `\n  ${text}`));
  process.exitCode = error.exitStatus;
}

/**
 * The call, of these and all below, that took most time itself.
 * @param {import('fsnoop').JsonCall} call
 * @returns {import('fsnoop').JsonCall}
 */
function longest(call) {
  const below = call.children.flatMap((child) => ('function' in child ? longest(child) : []));
  return below.reduce((most, one) => ((one.selfNs ?? 0) > (most.selfNs ?? 0) ? one : most), call);
}
