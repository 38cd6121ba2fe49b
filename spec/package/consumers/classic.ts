import * as entry0 from 'express-conflict'
import { memoryAdapter, type ResourceAdapter } from 'express-conflict'
import * as entry14 from 'express-conflict/cache'
import * as entry1 from 'express-conflict/client'
import { createClient } from 'express-conflict/client'
import * as entry2 from 'express-conflict/dashboard'
import * as entry3 from 'express-conflict/file'
import * as entry4 from 'express-conflict/metrics'
import * as entry5 from 'express-conflict/mongodb'
import * as entry6 from 'express-conflict/mysql'
import * as entry7 from 'express-conflict/openapi'
import * as entry8 from 'express-conflict/postgres'
import * as entry9 from 'express-conflict/prisma'
import * as entry10 from 'express-conflict/redis'
import * as entry11 from 'express-conflict/sql'
import * as entry12 from 'express-conflict/testing'
import { adapterKit } from 'express-conflict/testing'
import * as entry13 from 'express-conflict/zookeeper'

export const entries = [
  entry0,
  entry1,
  entry2,
  entry3,
  entry4,
  entry5,
  entry6,
  entry7,
  entry8,
  entry9,
  entry10,
  entry11,
  entry12,
  entry13,
  entry14,
]
export const adapter: ResourceAdapter<{ text: string }> = memoryAdapter<{ text: string }>()
// What is not found would be any, and this no error.
// @ts-expect-error no such option
memoryAdapter({ sice: 1 })
export const makers: Array<(...args: never[]) => unknown> = [createClient, adapterKit]
