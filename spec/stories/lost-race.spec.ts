import request, { type Test } from 'supertest'
import type { MemoryAdapter } from '../../lib'
import { essence, gatedAdapter, type Note, noteApp, type Send } from './race'

/** What a request may say about the state it expects. */
const conditions: Record<string, (test: Test, version: string) => Test> = {
  'If-Match: "tag"': (test, version) => test.set('If-Match', `"${version}"`),
  'If-Match: *': (test) => test.set('If-Match', '*'),
  'If-None-Match: *': (test) => test.set('If-None-Match', '*'),
  'If-None-Match with another tag': (test) => test.set('If-None-Match', '"other"'),
  'a version in the query': (test, version) => test.query({ version }),
  'no condition': (test) => test,
}

const requests: Record<string, Send> = {
  PUT: (agent) => agent.put('/notes/1').send({ id: '1', title: 'mine' }),
  'PUT without the key': (agent) => agent.put('/notes/1').send({ title: 'mine' }),
  'merge patch': (agent) => agent.patch('/notes/1').type('application/merge-patch+json').send('{"title":"mine"}'),
  'JSON Patch': (agent) =>
    agent
      .patch('/notes/1')
      .type('application/json-patch+json')
      .send('[{"op":"test","path":"/title","value":"first"},{"op":"replace","path":"/title","value":"mine"}]'),
  DELETE: (agent) => agent.delete('/notes/1'),
}

type Inner = MemoryAdapter<Note>
const versionOf = async (inner: Inner) => (await inner.read('1'))?.version ?? null
const put = async (inner: Inner, title: string) => inner.write('1', { id: '1', title }, await versionOf(inner))

const events: Record<string, (inner: Inner) => Promise<unknown>> = {
  'somebody else changes it': (inner) => put(inner, 'theirs'),
  'somebody else makes the same change': (inner) => put(inner, 'mine'),
  'somebody else writes what was there': (inner) => put(inner, 'first'),
  'somebody else removes it': async (inner) => inner.remove('1', (await versionOf(inner)) ?? ''),
  'somebody else removes it and makes it anew': async (inner) => {
    await inner.remove('1', (await versionOf(inner)) ?? '')
    await put(inner, 'anew')
  },
}

const cases = Object.keys(requests).flatMap((method) =>
  Object.keys(conditions).flatMap((condition) =>
    Object.keys(events).map((event) => [method, condition, event] as const),
  ),
)

// Of 5 requests and 5 events: the conditions that hold at first, and where nothing is there, of the two PUTs alone.
describe.each([
  ['a condition is required', { required: true, tombstones: false, isThere: true, races: 4 * 25 }],
  ['no condition is required', { required: false, tombstones: false, isThere: true, races: 5 * 25 }],
  ['a removal leaves a tombstone', { required: false, tombstones: true, isThere: true, races: 5 * 25 }],
  ['nothing is there at first', { required: false, tombstones: false, isThere: false, races: 3 * 10 }],
])('a lost race answers like the sequence, where %s', (_, { required, tombstones, isThere, races }) => {
  let seen = 0
  async function run(when: 'before' | 'between', method: string, condition: string, event: string) {
    const adapter = gatedAdapter({ tombstones, now: () => 1e12 })
    const app = noteApp(adapter, { preconditions: { required, versionQuery: 'version' } })
    const seeded = await adapter.inner.write(isThere ? '1' : 'other', { id: '1', title: 'first', body: 'text' }, null)
    const version = seeded.ok ? seeded.state.version : ''
    const interfere = () => events[event]!(adapter.inner)
    if (when === 'before') await interfere()
    else adapter.stopBefore(method === 'DELETE' ? 'remove' : 'write', interfere)
    const response = await conditions[condition]!(requests[method]!(request(app)), version)
    const stored = await adapter.inner.read('1')
    return {
      answer: essence(response, version),
      stored: stored && { value: stored.value, gone: stored.gone ?? false },
      hasRaced: adapter.calls.write + adapter.calls.remove > 0,
    }
  }

  test.each(cases)('%s with %s, while %s', async (method, condition, event) => {
    const raced = await run('between', method, condition, event)
    // A request that is refused before it writes meets nobody.
    if (!raced.hasRaced) {
      expect(raced.stored?.value.title ?? 'first').toBe('first')
      return
    }
    seen += 1
    const { answer, stored } = await run('before', method, condition, event)
    expect(raced).toMatchObject({ answer, stored })
  })

  test('so many of them reach the race', () => expect(seen).toBe(races))

  test('the table reaches the race', async () => {
    const condition = isThere ? 'If-Match: "tag"' : 'If-None-Match: *'
    const raced = await run('between', 'PUT', condition, 'somebody else changes it')
    expect(raced).toMatchObject({ hasRaced: true, answer: { status: 412 } })
  })
})
