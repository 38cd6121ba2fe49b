import { Pool } from 'pg'
import { describeWith, ownName } from '../services'
import { type Example, openExample, send } from './example'

jest.setTimeout(60_000)

let hotel: Example
afterEach(() => hotel.close())

const stay = (from: string, to: string, guest = 'Ann') => ({ from: `2027-05-${from}`, to: `2027-05-${to}`, guest })
const make = (id: string, body: object, room = 'blue') =>
  send(`${hotel.url}/rooms/${room}/bookings/${id}`, 'PUT', { 'If-None-Match': '*' }, { id, ...body })
const change = (id: string, tag: string | null, body: object, room = 'blue') =>
  send(`${hotel.url}/rooms/${room}/bookings/${id}`, 'PATCH', { 'If-Match': tag ?? '' }, body)

async function demandNoOverlap(): Promise<number> {
  const { json } = await send(`${hotel.url}/rooms/blue/bookings`, 'GET')
  const days = (json as Array<{ from: string; to: string }>).toSorted((one, two) => (one.from < two.from ? -1 : 1))
  for (const [index, { to }] of days.entries()) expect(to <= (days[index + 1]?.from ?? to)).toBe(true)
  return days.length
}

async function guestsRace(): Promise<void> {
  // Five want the same nights, each a day later than the one before. Where the database finds that they wait for each other in
  // a circle, it takes a second for each circle: more guests would take longer than an answer may.
  const answers = await Promise.all(
    Array.from({ length: 5 }, (_, index) =>
      make(`b${index}`, stay(`${10 + index}`, `${14 + index}`, `guest ${index}`)),
    ),
  )
  const made = answers.filter(({ status }) => status === 201)
  expect(answers.filter(({ status }) => status !== 201 && status !== 409)).toEqual([])
  expect(made.length).toBeGreaterThan(0)
  expect(await demandNoOverlap()).toBe(made.length)

  // The same nights in another room are free, and a guest may arrive when another one leaves.
  expect((await make('green', stay('10', '30'), 'green')).status).toBe(201)
  expect((await make('late', stay('27', '29'))).status).toBe(201)
  expect((await make('later', stay('29', '30'))).status).toBe(201)

  // Two that move to the same nights at once.
  const late = await send(`${hotel.url}/rooms/blue/bookings/late`, 'GET')
  const later = await send(`${hotel.url}/rooms/blue/bookings/later`, 'GET')
  const moved = await Promise.all([
    change('late', late.headers.get('ETag'), { from: '2027-05-30', to: '2027-05-31' }),
    change('later', later.headers.get('ETag'), { from: '2027-05-30', to: '2027-05-31' }),
  ])
  expect(moved.map(({ status }) => status).sort()).toEqual([200, 409])
  await demandNoOverlap()
}

describe('the booking example, in memory', () => {
  beforeEach(async () => {
    hotel = await openExample('booking/server.js')
  })

  test('no room is booked twice in a race', guestsRace)

  test('a refusal says which nights are taken, and not by whom', async () => {
    await make('a', stay('10', '14', 'Secret Guest'))
    const refused = await make('b', stay('12', '16', 'Bob'))
    expect([refused.status, refused.json.code]).toEqual([409, 'rule_violation'])
    expect(refused.json.conflicts).toEqual([
      { pointer: '/from', kind: 'rule' },
      { pointer: '/to', kind: 'rule' },
    ])
    expect(refused.json.detail).toBe('The room is taken from 2027-05-10 to 2027-05-14.')
    expect(JSON.stringify(refused.json)).not.toContain('Secret')
  })

  test('a booking is found, changed and removed in its own room alone, and two clerks do not overwrite each other', async () => {
    const made = await make('a', stay('10', '14'))
    const tag = made.headers.get('ETag')
    expect((await send(`${hotel.url}/rooms/green/bookings/a`, 'GET')).status).toBe(404)
    expect((await change('a', tag, { guest: 'Eve' }, 'green')).status).toBe(404)
    const both = await Promise.all([change('a', tag, { guest: 'Bob' }), change('a', tag, { guest: 'Cid' })])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412])
    expect((await change('a', '*', { from: '2027-05-14' })).status).toBe(409)
    expect((await send(`${hotel.url}/rooms/blue/bookings/a`, 'DELETE', { 'If-Match': '*' })).status).toBe(204)
    expect((await make('b', stay('10', '14'))).status).toBe(201)
  })
})

describeWith('PostgreSQL', 'the booking example, with an exclusion constraint', (url) => {
  const table = ownName('bookings')
  beforeEach(async () => {
    hotel = await openExample('booking/server.js', { DATABASE_URL: url, TABLE: table })
  })
  afterAll(async () => {
    const pool = new Pool({ connectionString: url })
    await pool.query(`drop table if exists ${table}`)
    await pool.query(`drop type if exists ${table}_days`)
    await pool.end()
  })

  test('no room is booked twice in a race', guestsRace)

  test('a refusal names the members, and neither the constraint nor the other guest', async () => {
    await make('x', stay('10', '14', 'Secret Guest'), 'red')
    const refused = await make('y', stay('12', '16'), 'red')
    expect([refused.status, refused.json.code]).toEqual([409, 'unique_violation'])
    expect(refused.json.conflicts).toEqual([
      { pointer: '/from', kind: 'unique' },
      { pointer: '/to', kind: 'unique' },
    ])
    expect(JSON.stringify(refused.json)).not.toMatch(/Secret|_free|gist/)
  })
})
