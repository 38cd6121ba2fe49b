import { adapterKitOn } from './adapter-kit'

adapterKitOn('SQLite')
