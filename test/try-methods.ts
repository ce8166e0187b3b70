/** A script for guests: which methods the kernel has, by its types, and where those are no proof by a try. */
export const tryMethods = `
const dist = '/usr/lib/node_modules/fsnoop/dist';
const { probeMethods } = await import(dist + '/attach/probe.js');
const { loadNative } = await import(dist + '/attach/native.js');
const { loadBtf } = await import(dist + '/symbols/symbols.js');
const btf = loadBtf(loadNative());
for (const arch of ['x64', 'another']) console.log(JSON.stringify(await probeMethods(btf, 'auto', arch)));
`;
