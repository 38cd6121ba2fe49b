import express from 'express'
import { memoryAdapter, resourceRouter, respondToConflicts } from 'express-conflict'

const app = express()
app.use('/notes', resourceRouter({ name: 'note', adapter: memoryAdapter() }))
app.use(respondToConflicts())

const server = app.listen(0, () => console.log(server.address().port))
