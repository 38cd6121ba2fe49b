export type { Abilities } from './adapter/abilities'
export { jsonValues } from './adapter/values'
export { type AdapterKitOptions, adapterKit, type KitCase } from './adapter-kit'
export { type LockAbilities, type LockKitOptions, lockKit } from './lock-kit'
