import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Request, Response } from 'express'
import type { ResourceDefinition } from '../options/definition'

/**
 * Typed by what Node gives, so that handlers which follow keep the types they infer, under the types of Express 4 and
 * of Express 5 alike.
 */
export interface ConflictMiddleware<T = unknown, Handle = unknown> {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void
  /** The names of the stages, in order. */
  readonly stages: readonly string[]
  /** Chains and their stages carry the resource, for `resourceOf`. */
  readonly resource?: Pick<ResourceDefinition<T, Handle>, 'name' | 'adapter'>
}

/** A middleware with a name, for stacks and logs. */
export function conflictMiddleware<T = unknown>(
  name: string,
  run: (req: Request, res: Response, next: (error?: unknown) => void) => void,
  { stages = [], resource }: Partial<Pick<ConflictMiddleware<T>, 'stages' | 'resource'>> = {},
): ConflictMiddleware<T> {
  Object.defineProperty(run, 'name', { value: `${name}Middleware` })
  return Object.assign(run, { stages, resource }) as unknown as ConflictMiddleware<T>
}
