import type { ResourceState } from '../contracts/adapter'

/** What a request does to its resource. `act`: a POST, or a method of the app's own, on an existing resource. */
export type Action = 'read' | 'create' | 'replace' | 'patch' | 'remove' | 'act'

/** What a request would do: from the current state to the proposed value. */
export interface Change<T> {
  readonly action: Action
  /** `undefined` for a resource that is being created. */
  readonly current: ResourceState<T> | undefined
  /** `undefined` for a removal, a read, and an action whose handler has proposed nothing yet. */
  readonly proposed: T | undefined
}
