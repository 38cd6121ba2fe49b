export { type ZookeeperLockClient, type ZookeeperLocksOptions, zookeeperLocks } from './locks'
