import type { ZookeeperLockClient } from '../../../lib/backends/zookeeper'

export type Client = ZookeeperLockClient

/** The library has no types. */
export const createClient: (address: string, options?: { sessionTimeout?: number; spinDelay?: number }) => Client =
  require('node-zookeeper-client').createClient
