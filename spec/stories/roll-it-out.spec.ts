import request from 'supertest'
import { type ConflictOptions, commitChange, detectConflicts, resourceOf } from '../../lib'
import { appOf, type Doc, type Shelf, shelf } from './app'

/** The three steps of docs/roll-it-out.md: what an operator counts in each of them says when to go on. */
const STEPS = { report: { mode: 'report' }, sent: { required: false }, required: {} } as const

function deployed(it: Shelf, preconditions: ConflictOptions<Doc>['preconditions']) {
  const seen = { lost: 0, conditional: 0, unconditional: 0, refused: 0 }
  const chain = detectConflicts<Doc>({
    name: 'article',
    path: '/:id',
    adapter: it.adapter,
    ...(preconditions && { preconditions }),
    onConflict({ conflict, enforced }) {
      if (enforced) seen.refused += 1
      else if (conflict.code === 'precondition_failed') seen.lost += 1
    },
    onCommitted({ conditional }) {
      seen[conditional ? 'conditional' : 'unconditional'] += 1
    },
  })
  const app = appOf((all) => {
    all.use('/articles', chain)
    all.get('/articles/:id', (req, res) => {
      res.json(resourceOf(req, chain).representation)
    })
    all.put('/articles/:id', commitChange())
  })
  return { app, seen }
}

type App = ReturnType<typeof deployed>['app']

/** Was written before anybody thought of conditions, and cannot be changed. */
const oldClient = {
  save: (app: App, title: string) => request(app).put('/articles/1').send({ title }),
}

/** Keeps the tag with its form. */
async function newClient(app: App) {
  const { headers } = await request(app).get('/articles/1').expect(200)
  let tag = headers.etag ?? ''
  return {
    async save(to: App, title: string) {
      const answer = await request(to).put('/articles/1').set('If-Match', tag).send({ title })
      if (answer.status === 200) tag = answer.headers.etag ?? ''
      return answer
    },
  }
}

test('an old and a new client live through report, sent and required, and the counts say when to go on', async () => {
  const it = await shelf()
  const title = async () => (await it.stored())?.title

  // Report: everybody is served as before, and what gets lost is counted.
  const report = deployed(it, STEPS.report)
  const form = await newClient(report.app)
  await oldClient.save(report.app, 'by an old client').expect(200)
  expect((await form.save(report.app, 'over it')).status).toBe(200)
  expect(await title()).toBe('over it')
  expect(report.seen).toEqual({ lost: 1, conditional: 1, unconditional: 1, refused: 0 })

  // A form that was opened before the next deployment goes on behind it.
  const sent = deployed(it, STEPS.sent)
  expect((await form.save(sent.app, 'after a deployment')).status).toBe(200)
  await oldClient.save(sent.app, 'by an old client again').expect(200)
  const stale = await form.save(sent.app, 'from an old state')
  expect([stale.status, stale.body.code, await title()]).toEqual([412, 'precondition_failed', 'by an old client again'])
  // Nothing is lost by new clients any more. An old one is left, so it is too early to require.
  expect(sent.seen).toEqual({ lost: 0, conditional: 1, unconditional: 1, refused: 1 })

  // The last old client is gone: of a window of the same step, no change is unconditional.
  const window = deployed(it, STEPS.sent)
  const [ann, ben] = [await newClient(window.app), await newClient(window.app)]
  expect((await ann.save(window.app, "Ann's")).status).toBe(200)
  expect((await ben.save(window.app, "Ben's")).status).toBe(412)
  expect(window.seen).toEqual({ lost: 0, conditional: 1, unconditional: 0, refused: 1 })

  // Required: one that comes back after all learns which header to send, and overwrites nobody.
  const required = deployed(it, STEPS.required)
  const late = await oldClient.save(required.app, 'by a very old client').expect(428)
  expect([late.body.field, await title()]).toEqual(['If-Match', "Ann's"])
  expect((await ann.save(required.app, "Ann's next")).status).toBe(200)
  expect(required.seen).toEqual({ lost: 0, conditional: 1, unconditional: 0, refused: 1 })

  // The way back is the same word.
  const back = deployed(it, STEPS.report)
  await oldClient.save(back.app, 'by a very old client').expect(200)
  expect(back.seen).toEqual({ lost: 0, conditional: 0, unconditional: 1, refused: 0 })
})
