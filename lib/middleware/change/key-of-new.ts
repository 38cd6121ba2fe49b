import { randomUUID } from 'node:crypto'
import type { Request } from 'express'
import { show } from '../../options'
import { belowRequest, type Definition } from '../options/definition'
import type { GuardedRequest } from '../request/guarded-request'

/** The key under which a new resource is stored, where the store does not give one. */
export function keyOfNew<T>({ settings, req }: GuardedRequest<T>, value: T | undefined): string {
  const key: unknown = value === undefined ? undefined : settings.generateKey(value, req)
  if (typeof key === 'string' && key !== '') return key
  throw new Error(`generateKey of the ${settings.name} gave ${JSON.stringify(key)}; it has to give a non-empty string.`)
}

const known = new WeakSet<object>()

/**
 * Where the app has a `key` of its own, the Location of what POST creates has to lead back to it: otherwise the client gets
 * 201 and the address of nothing. Tried once, before anything is written.
 */
export function mustLeadBack<T>({ settings, req }: GuardedRequest<T>): void {
  const { options, location, name } = settings
  if (options.key === undefined || location !== belowRequest || known.has(options)) return
  // Made by the store, the key is a number or a UUID, and `key` may insist on either.
  const made =
    settings.adapter.create || options.generateKey === undefined ? ['1', randomUUID()] : ['1', 'a', randomUUID()]
  if (!made.some((key) => keyAt(req, settings, key) === key)) {
    const key = made.at(-1) ?? ''
    throw new Error(
      `express-conflict: what POST creates as a ${name} would get the Location ${belowRequest(req, '<key>')}, and the key option makes ${show(keyAt(req, settings, key))} of <key> = ${show(key)}, which is another resource. Give generateKey: (value, req) => the whole key, and location: (req, key) => the path that leads back to it.`,
    )
  }
  known.add(options)
}

/** The key of a request to the Location: whatever parameter `key` looks for stands there. */
function keyAt<T>(req: Request, { options }: Definition<T>, made: string): unknown {
  const params = new Proxy(req.params, { get: (own, parameter) => Reflect.get(own, parameter) ?? made })
  try {
    return options.key?.(Object.create(req, { params: { value: params } }), params as Record<string, string>)
  } catch {
    return undefined
  }
}
