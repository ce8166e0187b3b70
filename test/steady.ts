/** Runs of the same that are to be compared by the clock: on a machine that was as fast for all of them. */

/** For `calls paced FILE …`. */
export const paceFile = '/tmp/pace';

const tries = 3;

/**
 * Runs a command in which `calls` goes at the machine's pace, again where that was another one than in the run before:
 * a guest without KVM is twice as slow while its host has something else to do. Who never finds that pace again goes on.
 * @param command a shell command that leaves nothing behind which the next try does not replace
 */
export const steadily = (command: string): string => `
touch /tmp/steady
for try in $(seq ${tries}); do
  rm -f ${paceFile}
  ${command}
  set -- $(sort -n ${paceFile} /tmp/steady | sed -n '1p;$p')
  [ $(($2 * 10)) -gt $(($1 * 13)) ] || break
  echo "pace: $1 to $2" >&2
done
cp ${paceFile} /tmp/steady`;
