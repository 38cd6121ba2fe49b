import { type Abilities, type AdapterKitOptions, adapterKit, type KitCase } from 'express-conflict/testing'

export const kitOf = (options: AdapterKitOptions<string>, abilities: Abilities): KitCase[] =>
  adapterKit({ ...options, abilities })
