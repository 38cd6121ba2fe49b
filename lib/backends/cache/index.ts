export { type CachedAdapter, type CachedAdapterOptions, cachedAdapter } from './adapter'
