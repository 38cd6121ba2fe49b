export { type DescribedResource, type GuardedPaths, type GuardedPathsOptions, guardedPaths } from './guarded-paths'
export { type ProblemPagesOptions, type ProblemWords, problemPages, problemSchema } from './problems'
