import { mkdtempSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import express from 'express'
import {
  commitChange,
  detectConflicts,
  receiveFile,
  resourceRouter,
  respondToConflicts,
  type StoredFile,
  sendFile,
} from 'express-conflict'
import { type FileAdapter, fileAdapter, type UploadAdapter, uploadAdapter } from 'express-conflict/file'

interface Note {
  text: string
}

const folder = mkdtempSync(join(process.cwd(), 'files-'))
const notes: FileAdapter<Note> = fileAdapter<Note>({ folder: join(folder, 'notes'), keepVersions: 5 })
const uploads: UploadAdapter = uploadAdapter({ folder: join(folder, 'uploads') })
const guard = detectConflicts<StoredFile>({ name: 'upload', adapter: uploads })

const app = express()
app
  .route('/uploads/:id')
  .get(guard, sendFile())
  .put(receiveFile({ adapter: uploads, maxBytes: 1000 }), guard, commitChange())
app.use('/notes', resourceRouter<Note>({ name: 'note', adapter: notes }))
app.use(respondToConflicts())

const server = app.listen(0, () => console.log((server.address() as AddressInfo).port))

/** What is there for certain, and what it gives. */
export async function textAt(key: string, version: string): Promise<string | undefined> {
  return (await notes.readVersion(key, version))?.value.text
}
