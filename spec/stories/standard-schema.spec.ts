import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import express from 'express'
import request from 'supertest'
import * as v from 'valibot'
import { z } from 'zod'
import { type ConflictOptions, detectConflicts, memoryAdapter, resourceRouter, respondToConflicts } from '../../lib'
import type { StandardSchema } from '../../lib/schema/schema'
import type { Doc } from './app'

type Schema = NonNullable<ConflictOptions<Doc>['schema']>

async function resource(schema: Schema, value: Doc, options: Partial<ConflictOptions<Doc>> = {}) {
  const adapter = memoryAdapter<Doc>()
  await adapter.write('1', value, null)
  const app = express()
  app.use('/r', resourceRouter<Doc>({ name: 'r', adapter, preconditions: { required: false }, schema, ...options }))
  app.use(respondToConflicts())
  return {
    stored: async (key = '1') => (await adapter.read(key))?.value,
    get: () => request(app).get('/r/1'),
    put: (body: object) => request(app).put('/r/1').send(body),
    post: (body: object) => request(app).post('/r').send(body),
    patch: (body: object) => request(app).patch('/r/1').send(body),
  }
}

const ofZod = z.object({ title: z.string().trim().min(1), tags: z.array(z.object({ no: z.number() })).default([]) })
const ofValibot = v.object({
  title: v.pipe(v.string(), v.trim(), v.minLength(1)),
  tags: v.optional(v.array(v.object({ no: v.number() })), []),
})
const waiting: StandardSchema<Doc> = {
  '~standard': {
    version: 1,
    vendor: 'own',
    validate: async (value) => {
      await new Promise((resolve) => setImmediate(resolve))
      return ofZod['~standard'].validate(value)
    },
  },
}

describe.each<[string, Schema]>([
  ['zod', ofZod],
  ['valibot', ofValibot],
  ['one that has to be waited for', waiting],
])('%s', (_, schema) => {
  test('issues come out as errors, each with its pointer', async () => {
    const it = await resource(schema, { title: 'a', tags: [] })
    for (const send of [it.put, it.post, it.patch]) {
      const { status, body } = await send({ title: '', tags: [{ no: 1 }, { no: 'x' }] })
      expect([status, body.code]).toEqual([422, 'schema_invalid'])
      expect(body.errors.map((error: { instancePath: string }) => error.instancePath).sort()).toEqual([
        '/tags/1/no',
        '/title',
      ])
    }
    expect(await it.stored()).toEqual({ title: 'a', tags: [] })
  })

  test('what it makes of a value is stored, and stays valid', async () => {
    const it = await resource(schema, { title: 'a', tags: [] })
    expect((await it.put({ title: '  b ', stranger: 1 })).body).toEqual({ title: 'b', tags: [] })
    expect(await it.stored()).toEqual({ title: 'b', tags: [] })
    expect((await it.patch({ title: ' c ' })).body).toEqual({ title: 'c', tags: [] })
    const { headers } = await it.post({ title: ' d ' }).expect(201)
    expect(await it.stored(headers.location?.split('/').at(-1))).toEqual({ title: 'd', tags: [] })
  })

  test('hidden members are not lost to a schema that strips', async () => {
    const hidden = ['/note', '/tags/*/by']
    const value = { title: 'a', note: 's', tags: [{ no: 1, by: 'me' }] }
    const it = await resource(schema, value, { hidden, arrayKeys: { '/tags': '/no' } })
    expect((await it.get()).body).toEqual({ title: 'a', tags: [{ no: 1 }] })
    await it.put({ title: 'b', tags: [{ no: 2 }, { no: 1 }] }).expect(200)
    expect(await it.stored()).toEqual({ title: 'b', note: 's', tags: [{ no: 2 }, { no: 1, by: 'me' }] })
  })
})

test('readOnly and writeOnly of its JSON Schema count', async () => {
  const schema = z.object({
    id: z.string().readonly(),
    made: z.string().meta({ readOnly: true }).optional(),
    pw: z.string().meta({ writeOnly: true }),
  })
  const it = await resource(schema, { id: '1', made: 'then', pw: 's' }, { keyPointer: '/id' })
  expect((await it.get()).body).toEqual({ id: '1', made: 'then' })
  await it.put({ pw: 't' }).expect(200)
  expect(await it.stored()).toEqual({ id: '1', made: 'then', pw: 't' })
  await it.put({}).expect(200)
  expect(await it.stored()).toEqual({ id: '1', made: 'then', pw: 't' })
  expect((await it.put({ made: 'now' })).body.code).toBe('immutable_field')
  expect((await it.post({ pw: 'u', made: 'mine' })).body).toEqual({ id: expect.any(String) })
  expect((await it.post({})).body).toMatchObject({ status: 422, errors: [{ instancePath: '/pw' }] })
})

test('dates that it makes are stored as their JSON, and are the same when they come again', async () => {
  const schema = z.object({ when: z.coerce.date(), n: z.number().default(0) })
  const when = '2026-01-02T03:04:05.000Z'
  const it = await resource(schema, { when, n: 1 }, { immutable: ['/when'] })
  expect((await it.put({ when, n: 2 })).body).toEqual({ when, n: 2 })
  expect((await it.patch({ n: 3 })).body).toEqual({ when, n: 3 })
  expect((await it.patch({ when: '2027-01-02T03:04:05.000Z' })).body.code).toBe('immutable_field')
})

test('what cannot work is refused when the app starts', () => {
  const adapter = memoryAdapter<Doc>()
  const old = { '~standard': { version: 2, vendor: 'own', validate: () => ({ value: {} }) } }
  expect(() => detectConflicts({ name: 'r', adapter, schema: old })).toThrow('version 2 of Standard Schema')
  const ajv = { compile: () => () => true, opts: {} }
  expect(() => detectConflicts({ name: 'r', adapter, schema: ofZod, ajv } as never)).toThrow('leave ajv out')
})

/** They are ES modules, which jest does not load: a process of its own does. */
const inNode = (code: string) =>
  JSON.parse(
    execFileSync(process.execPath, ['-r', join(__dirname, '../ts-hook.js'), '-e', code], {
      cwd: join(__dirname, '../..'),
      encoding: 'utf8',
    }),
  )

test('ArkType, whose schemas are functions, and TypeBox, whose schemas are JSON Schema', () => {
  const found = inNode(`
    (async () => {
      const { type } = await import('arktype')
      const { Type } = await import('typebox')
      const { compileSchema } = require('./lib/schema/schema.ts')
      const check = (schema, value) => compileSchema(schema, undefined).check(value, false)
      const ark = type({ title: 'string', 'n?': 'number' })
      const box = Type.Object({ title: Type.String({ readOnly: true }) })
      console.log(JSON.stringify([
        check(ark, { title: 'a' }), check(ark, { title: 1, n: 'x' }).errors.map((each) => each.instancePath),
        check(box, { title: 'a' }).ok, check(box, { title: 1 }).errors.map((each) => each.instancePath),
        compileSchema(box).readOnlyIn({ title: 'a' }).below('title').marked,
      ]))
    })()`)
  expect(found).toEqual([{ ok: true, value: { title: 'a' } }, ['/title', '/n'], true, ['/title'], true])
})

test('Ajv is loaded where a JSON Schema is given, and nowhere else', () => {
  const loaded = (schema: string) =>
    inNode(`
      const { detectConflicts, memoryAdapter } = require('./lib/index.ts')
      const { z } = require('zod')
      detectConflicts({ name: 'r', adapter: memoryAdapter()${schema} })
      console.log(JSON.stringify(Object.keys(require.cache).some((path) => path.includes('node_modules/ajv'))))`)
  expect([loaded(''), loaded(', schema: z.object({})'), loaded(', schema: {}')]).toEqual([false, false, true])
})
