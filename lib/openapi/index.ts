export { type DescribedResource, type GuardedPaths, type GuardedPathsOptions, guardedPaths } from './guarded-paths'
export { type ProblemPagesOptions, type ProblemWords, problemPages } from './problem-pages'
export { problemSchema } from './problem-schema'
