const json = { 'Content-Type': 'application/json' }

/** Creates, changes, and tries to change again from what is stale by then. */
export async function story(url: string): Promise<unknown[]> {
  const put = (text: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/notes/1`, { method: 'PUT', headers: { ...json, ...headers }, body: JSON.stringify({ text }) })
  const created = await put('first')
  const tag = created.headers.get('ETag') ?? ''
  const changed = await put('second', { 'If-Match': tag })
  const stale = await put('third', { 'If-Match': tag })
  const blind = await put('fourth')
  const stored = await fetch(`${url}/notes/1`)
  const problems = (await Promise.all([stale.json(), blind.json()])) as { code: string }[]
  const codes = problems.map(({ code }) => code)
  return [created.status, changed.status, stale.status, blind.status, ...codes, await stored.json()]
}

/** What the story comes to. */
export const RIGHT = [201, 200, 412, 428, 'precondition_failed', 'precondition_required', { text: 'second' }]
