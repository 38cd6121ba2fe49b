const express = require('express')
const { memoryAdapter, resourceRouter, respondToConflicts } = require('express-conflict')

const app = express()
app.use('/notes', resourceRouter({ name: 'note', adapter: memoryAdapter() }))
app.use(respondToConflicts())

const server = app.listen(0, () => console.log(server.address().port))
