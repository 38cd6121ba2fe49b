import { adapterKitOn } from './adapter-kit'

adapterKitOn('MariaDB')
