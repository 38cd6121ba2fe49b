import { adapterKitOn } from './adapter-kit'

adapterKitOn('PostgreSQL')
