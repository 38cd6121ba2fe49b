/** What an error of the server may say about the parts of a document. */
interface ServerError {
  readonly code?: unknown
  readonly keyPattern?: unknown
  readonly errInfo?: { readonly details?: { readonly schemaRulesNotSatisfied?: unknown } }
}

/** A rule of `$jsonSchema` that a document broke. Each rule has one of these lists. */
interface BrokenRule {
  readonly propertiesNotSatisfied?: unknown
  readonly missingProperties?: unknown
  readonly additionalProperties?: unknown
}

/** The paths that caused a document to be refused by a unique index or by `$jsonSchema`, as far as the error says. */
export function refusedPaths(error: unknown): ReadonlyArray<readonly string[]> {
  const { code, keyPattern, errInfo } = Object(error) as ServerError
  if (code === 11000) return Object.keys(Object(keyPattern)).map((path) => path.split('.'))
  if (code !== 121) return []
  return listOf(errInfo?.details?.schemaRulesNotSatisfied)
    .flatMap(namesIn)
    .flatMap((name) => (typeof name === 'string' ? [[name]] : []))
}

function namesIn(rule: unknown): readonly unknown[] {
  const { propertiesNotSatisfied, missingProperties, additionalProperties } = Object(rule) as BrokenRule
  const unsatisfied = listOf(propertiesNotSatisfied).map(
    (property) => (Object(property) as { propertyName?: unknown }).propertyName,
  )
  return [...unsatisfied, ...listOf(missingProperties), ...listOf(additionalProperties)]
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
