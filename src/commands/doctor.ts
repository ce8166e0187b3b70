/** `fsnoop doctor`: what this machine offers to trace with. */
import { Command } from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';
import { example } from '../cli/example.js';
import { examine } from '../doctor.js';
import { exitStatus } from '../failure.js';
import { print } from '../show.js';
import { renderDiagnosisJson, renderDiagnosisText } from '../render/doctor.js';

export default class Doctor extends Command {
  static override summary = 'Say whether this machine can be traced, how, and what is missing.';
  static override description = `Looks at the kernel, privileges, types, symbols and settings, and tries each method on a function that nobody calls.
Exit status: 0 if something can trace, else 5.
With --json: {"type":"doctor","version":1,"kernel":…,"arch":…,"canTrace":…,"method":…,"machine":[…],"methods":[…]}; in both lists {"name":…,"answer":"yes"|"no"|"could not tell","detail":…,"advice":[…]}.`;
  static override examples = [
    example('This machine', 'sudo fsnoop doctor'),
    example('What Linux 6.12 offers, in a guest', 'fsnoop vm --kernel 6.12 -- fsnoop doctor'),
    example('The method that a trace would take', 'fsnoop doctor --json | jq -r .method'),
  ];
  static override flags = {
    json: Flags.boolean({ summary: 'One object of JSON.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Doctor);
    const found = await examine();
    const color = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
    await print(flags.json ? renderDiagnosisJson(found) : renderDiagnosisText(found, color), null);
    this.exit(found.method === null ? exitStatus.cannotTrace : 0);
  }
}
