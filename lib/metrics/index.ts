export { type ConflictMetrics, type ConflictMetricsOptions, conflictMetrics } from './conflict-metrics'
