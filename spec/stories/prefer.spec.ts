import request from 'supertest'
import { resourceRouter } from '../../lib'
import { appOf, type Doc, shelf } from './app'

type Method = 'put' | 'patch' | 'post' | 'delete'

async function sent(method: Method, prefer: string | undefined, url = '/articles/1') {
  const it = await shelf()
  const app = appOf((all) => all.use('/articles', resourceRouter<Doc>({ name: 'article', adapter: it.adapter })))
  const test = request(app)[method](method === 'post' ? '/articles' : url)
  if (prefer !== undefined) test.set('Prefer', prefer)
  if (method !== 'post' && url === '/articles/1') test.set('If-Match', it.tag)
  const response = await (method === 'delete' ? test : test.send({ title: 'second' }))
  return { ...it, response }
}

const APPLIED = 'preference-applied'

describe('Prefer (RFC 7240)', () => {
  test.each<[Method, number]>([
    ['put', 204],
    ['patch', 204],
    ['post', 201],
  ])('%s with return=minimal has no body: %d', async (method, status) => {
    const { response } = await sent(method, 'return=minimal')
    expect([response.status, response.text, response.headers[APPLIED]]).toEqual([status, '', 'return=minimal'])
    expect(response.headers.etag).toBeDefined()
  })

  test('a PUT that creates with return=minimal is 201 without a body', async () => {
    const { response, stored } = await sent('put', 'return=minimal', '/articles/2')
    expect([response.status, response.text]).toEqual([201, ''])
    expect(await stored('2')).toEqual({ title: 'second' })
  })

  test.each<[Method, number]>([
    ['put', 200],
    ['patch', 200],
    ['post', 201],
  ])('%s with return=representation has one: %d', async (method, status) => {
    const { response } = await sent(method, 'return=representation')
    expect([response.status, response.body]).toEqual([status, { title: 'second' }])
    expect(response.headers[APPLIED]).toBe('return=representation')
  })

  test('nothing is left to represent after DELETE, and it is not said to be', async () => {
    const { response } = await sent('delete', 'return=representation')
    expect([response.status, response.headers[APPLIED]]).toEqual([204, undefined])
  })

  test.each([
    ['respond-async, return=minimal', 204],
    ['return="minimal"', 204],
    ['return="minimal', 200],
    ['return =\tminimal ; a', 204],
    ['return minimal', 200],
    ['return=minimal x', 200],
    ['foo="a, return=minimal', 200],
    ['foo="\\", return=minimal', 200],
    ['foo="\\\\", return=minimal', 204],
    ['Return = minimal; foo', 204],
    ['return=minimal, return=representation', 204],
    ['return=other, return=minimal', 200],
    ['return, return=minimal', 200],
    ['RETURN="a, b"; c, return=minimal', 200],
    ['foo; return=minimal', 200],
    ['x-return=minimal', 200],
    ['return=minimalist', 200],
    ['return=other', 200],
    ['note="a, return=minimal, b"', 200],
    ['note="a\\", return=minimal, b"', 200],
    ['note="a\\\\", return=minimal', 204],
    ['return="", return=minimal', 200],
    ['return=minimal;a="b, return=other"', 204],
    [undefined, 200],
  ])('Prefer: %s is %d', async (prefer, status) => {
    const { response } = await sent('put', prefer)
    expect(response.status).toBe(status)
    expect(response.headers[APPLIED]).toBe(status === 204 ? 'return=minimal' : undefined)
  })

  test('what the answer looks like depends on it, and says so', async () => {
    const { response } = await sent('put', undefined)
    expect(response.headers.vary).toMatch(/\bPrefer\b/)
  })

  test('a problem is a problem with either', async () => {
    const { response } = await sent('put', 'return=minimal', '/articles/1?')
    expect([response.status, response.body.code]).toEqual([428, 'precondition_required'])
    expect(response.headers[APPLIED]).toBeUndefined()
  })
})
