export { type MongoAdapter, mongoAdapter } from './adapter'
export type { MongoClient, MongoCollection, MongoSession, ObjectIdClass } from './driver'
export type { MongoAdapterOptions, MongoVersionType } from './options'
export { type MongoStoreOptions, mongoStore } from './store'
