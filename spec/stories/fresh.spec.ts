import request from 'supertest'
import { gatedAdapter, noteApp } from './race'

const AT = Date.UTC(2026, 0, 1)

async function oldNote() {
  const adapter = gatedAdapter({ now: () => AT })
  await adapter.inner.write('1', { id: '1', title: 'first' }, null)
  return noteApp(adapter)
}

test.each([
  ['an ISO date', '2026-06-01T00:00:00Z'],
  ['a year', '2027'],
  ['a day that is not in the calendar', 'Mon, 30 Feb 2026 00:00:00 GMT'],
])('If-Modified-Since with %s is no condition: the answer is 200, whatever Express makes of it', async (_, date) => {
  await request(await oldNote())
    .get('/notes/1')
    .set('If-Modified-Since', date)
    .expect(200, { id: '1', title: 'first' })
})

test('If-Modified-Since with a date of RFC 9110 is one', async () => {
  await request(await oldNote())
    .get('/notes/1')
    .set('If-Modified-Since', new Date(AT).toUTCString())
    .expect(304)
})
