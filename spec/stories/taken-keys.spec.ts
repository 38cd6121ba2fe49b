import express from 'express'
import request from 'supertest'
import { type ConflictOptions, memoryAdapter, resourceRouter, respondToConflicts } from '../../lib'

interface Doc {
  id?: string
  title: string
}

async function shop(keys: readonly string[], options: Partial<ConflictOptions<Doc>> = {}) {
  const adapter = memoryAdapter<Doc>()
  await adapter.write('a', { title: 'theirs' }, null)
  const made: string[] = []
  const generateKey = () => {
    const key = keys[made.length] ?? keys.at(-1) ?? ''
    made.push(key)
    return key
  }
  const app = express()
  app.use('/docs', resourceRouter<Doc>({ name: 'doc', adapter, generateKey, ...options }))
  app.use(respondToConflicts({ logger: { warn: () => undefined, error: () => undefined } }))
  return { app, adapter, made, post: () => request(app).post('/docs').send({ title: 'mine' }) }
}

describe.each([['compare-and-swap'], ['transaction']] as const)('%s: a made key that is taken', (isolation) => {
  test('gives way to another one', async () => {
    const it = await shop(['a', 'a2', 'b'], { isolation, keyPointer: '/id' })
    await it.adapter.write('a2', { title: 'theirs' }, null)
    const answer = await it.post().expect(201)
    expect(answer.headers.location).toBe('/docs/b')
    expect((await it.adapter.read('b'))?.value).toEqual({ id: 'b', title: 'mine' })
    expect((await it.adapter.read('a'))?.value).toEqual({ title: 'theirs' })
  })

  test('gives way, too, where the same one is made twice in turn', async () => {
    const it = await shop(['a', 'a', 'b'], { isolation })
    const answer = await it.post().expect(201)
    expect([answer.headers.location, it.made]).toEqual(['/docs/b', ['a', 'a', 'b']])
  })

  test('is refused when the same one is made every time', async () => {
    const it = await shop(['a'], { isolation })
    const answer = await it.post().expect(409)
    expect(answer.body.code).toBe('already_exists')
    expect(it.made).toHaveLength(5)
  })

  test('is looked for five times at the most', async () => {
    const keys = ['a', 'b', 'c', 'd', 'e', 'f']
    const it = await shop(keys, { isolation })
    for (const key of keys) if (key !== 'a') await it.adapter.write(key, { title: 'theirs' }, null)
    await it.post().expect(409)
    expect(it.made).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('is refused where the client said that nothing may be there', async () => {
    const it = await shop(['a', 'b'], { isolation })
    await it.post().set('If-None-Match', '*').expect(412)
    expect(it.made).toEqual(['a'])
  })

  test('a key that the client chose is not changed', async () => {
    const it = await shop(['b'], { isolation })
    await request(it.app).put('/docs/a').set('If-None-Match', '*').send({ title: 'mine' }).expect(412)
    expect(it.made).toEqual([])
  })
})
