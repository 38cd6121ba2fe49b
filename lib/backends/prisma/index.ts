export { type PrismaAdapter, prismaAdapter } from './adapter'
export type { PrismaAdapterOptions, PrismaDelegate, PrismaFieldType, PrismaVersionType } from './options'
