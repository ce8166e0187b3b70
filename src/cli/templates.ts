/**
 * In place of ejs in the bundle: what oclif's help fills in is `<%= command.id %>` and the like, and ejs makes a
 * function of each text, also of those that have nothing to be filled in.
 */
function render(template: string, context: object): string {
  return template.replace(/<%= ?([\w.]+) ?%>/g, (_, path: string) =>
    String(path.split('.').reduce<unknown>(memberOf, context)),
  );
}

const memberOf = (value: unknown, name: string): unknown =>
  (value as Readonly<Record<string, unknown>> | undefined)?.[name];

export default { render };
