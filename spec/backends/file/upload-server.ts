import type { AddressInfo } from 'node:net'
import express from 'express'
import { commitChange, detectConflicts, receiveFile, respondToConflicts, type StoredFile, sendFile } from '../../../lib'
import { uploadAdapter } from '../../../lib/backends/file'

const SAMPLE_MS = 5

/** A server of files that looks at how much memory it takes. */
const [, , folder = ''] = process.argv
const adapter = uploadAdapter({ folder, keepVersions: 0 })
const chain = detectConflicts<StoredFile>({ name: 'file', adapter })
const app = express()
app.put('/:id', receiveFile({ adapter, maxBytes: 1e9 }), chain, commitChange())
app.get('/:id', chain, sendFile())
app.use(respondToConflicts())

let most = 0
setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss())
}, SAMPLE_MS)
process.on('message', (question: 'begin' | 'end') => {
  if (question === 'begin') most = process.memoryUsage.rss()
  process.send?.({ bytes: most })
})
process.on('disconnect', () => process.exit())

const server = app.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
