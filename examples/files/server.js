// Replace a file that others download: node examples/files/server.js (after npm run build), then open http://localhost:3000
//
//   curl -i -T report.pdf http://localhost:3000/files/report.pdf -H 'If-None-Match: *'
//   curl -i -T report.pdf http://localhost:3000/files/report.pdf -H 'If-Match: "…"'
//
// Who downloads gets one version to its end, also while it is being replaced. Who goes on with a download that broke off
// (Range and If-Range) gets the rest of that version, or the new one from its beginning: never half of each.

const path = require('node:path')
const express = require('express')
const { commitChange, detectConflicts, receiveFile, respondToConflicts, sendFile } = require('express-conflict')
const { uploadAdapter } = require('express-conflict/file')

const { PORT = '3000', FOLDER = path.join(__dirname, 'data'), MAX_BYTES = '1000000000' } = process.env

// Versions that a download may still need are kept: 20 replacements in the time of one download.
const adapter = uploadAdapter({ folder: FOLDER, keepVersions: 20, tombstones: true })
const file = detectConflicts({ name: 'file', adapter })

const app = express()
app
  .route('/files/:id')
  .get(file, sendFile())
  .put(receiveFile({ adapter, maxBytes: Number(MAX_BYTES) }), file, commitChange())
  .delete(file, commitChange())

app.get('/', (_req, res) =>
  res.type('html').send(`<!doctype html><title>Files</title>
<p><input type="file" id="chosen"> <button id="save">Save</button> <output id="said"></output>
<script type="module">
  // The tag of what this page has seen of each file: a replacement is a replacement of that.
  const tags = new Map()
  document.querySelector('#save').onclick = async () => {
    const [file] = document.querySelector('#chosen').files
    if (!file) return
    const url = '/files/' + encodeURIComponent(file.name)
    const tag = tags.get(url)
    const headers = { 'Content-Type': file.type || 'application/octet-stream', ...(tag ? { 'If-Match': tag } : { 'If-None-Match': '*' }) }
    const answer = await fetch(url, { method: 'PUT', headers, body: file })
    const said = document.querySelector('#said')
    said.textContent = answer.status === 412 ? 'Somebody else has saved this file. Look at it, then save again to replace it.' : answer.ok ? 'Saved.' : 'Not saved: ' + answer.status
    const now = answer.headers.get('ETag') ?? (await fetch(url, { method: 'HEAD' })).headers.get('ETag')
    if (now) tags.set(url, now)
  }
</script>`),
)
app.use(respondToConflicts())

const server = app.listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
