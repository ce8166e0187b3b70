/** The other user of guest tests. */

/** Before a command, with setpriv of util-linux. */
export const asNobody = '/usr/bin/setpriv --reuid 1000 --regid 1000 --clear-groups';

/** Without any capability, whatever is run. */
export const withoutPrivileges = `${asNobody} --bounding-set -all --inh-caps -all --`;
