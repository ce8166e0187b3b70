/** In the guest: records reads with trace-cmd's function_graph; the file, as base64. */
import { readFileSync } from 'node:fs';
import { functionsOfRead, peerCommand, run, tryPeer } from './tools.mjs';

export const measure = ({ reads, readsPerSecond }) =>
  tryPeer(async () => {
    const functions = functionsOfRead.flatMap((name) => ['-l', name]);
    const flags = ['record', '-p', 'function_graph', ...functions, '-F', '-o', '/tmp/trace.dat'];
    const load = ['/usr/bin/load', `${readsPerSecond}`, `${reads / readsPerSecond}`];
    await run(peerCommand('trace-cmd', ...flags, ...load));
    return { base64: readFileSync('/tmp/trace.dat', 'base64') };
  });
