export type { Problem } from '../http/problem'
export { type Client, createClient } from './client'
export type {
  Answer,
  ChangeOptions,
  ClientOptions,
  Conflict,
  PostOptions,
  RequestOptions,
  Resolver,
  ResolvingOptions,
  WatchEvent,
  WatchOptions,
} from './options'
export { isProblemError, ProblemError } from './problem-error'
export { keepMine, mergeDisjoint, takeTheirs, UnmergeableError } from './resolving'
