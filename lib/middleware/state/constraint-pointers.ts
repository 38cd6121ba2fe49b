type Constraints = Readonly<Record<string, string | readonly string[]>>

/**
 * The members that a constraint is about. Drivers give its name, its name behind the table (MySQL), or columns (SQLite:
 * `articles.tenant, articles.slug`; Prisma without the table): what the app wrote may leave the table out.
 */
export function pointersOf(
  constraints: Constraints | undefined,
  constraint: string | undefined,
): readonly string[] | undefined {
  if (constraints === undefined || constraint === undefined) return undefined
  const bare = constraint.replace(/[^\s,.]+\./g, '')
  const name = [constraint, bare].find((each) => Object.hasOwn(constraints, each))
  return name === undefined ? undefined : [constraints[name] ?? []].flat()
}
