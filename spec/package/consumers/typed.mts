import type { AddressInfo } from 'node:net'
import express from 'express'
import {
  ConflictError,
  commitChange,
  detectConflicts,
  memoryAdapter,
  type ResourceAdapter,
  type Rule,
  resourceOf,
  respondToConflicts,
} from 'express-conflict'

interface Note {
  text: string
  pinned?: boolean
}

const adapter: ResourceAdapter<Note> = memoryAdapter<Note>()
const pinnedStays: Rule<Note> = ({ current, proposed }) =>
  current?.value.pinned && !proposed?.pinned ? { detail: 'It is pinned.', pointers: ['/pinned'] } : undefined
const chain = detectConflicts<Note>({ name: 'note', adapter, rules: [pinnedStays] })

const app = express()
app.use(express.json())
app.put('/notes/:id', chain, commitChange())
app.get('/notes/:id', chain, (req, res) => {
  // Handlers after the chain keep the types that they infer.
  const id: string = req.params.id
  const { current } = resourceOf(req, chain)
  if (current === undefined) throw new ConflictError('not_found', { detail: id })
  const text: string = current.value.text
  res.json({ text })
})
app.use(respondToConflicts({ typePrefix: 'https://example.org/problems/' }))

const server = app.listen(0, () => console.log((server.address() as AddressInfo).port))
