import type { GuardedRequest } from '../request/guarded-request'

/** The key under which a new resource is stored, where the store does not give one. */
export function keyOfNew<T>({ settings, req }: GuardedRequest<T>, value: T | undefined): string {
  const key: unknown = value === undefined ? undefined : settings.generateKey(value, req)
  if (typeof key === 'string' && key !== '') return key
  throw new Error(`generateKey of the ${settings.name} gave ${JSON.stringify(key)}; it has to give a non-empty string.`)
}
