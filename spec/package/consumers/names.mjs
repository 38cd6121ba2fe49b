import { createRequire } from 'node:module'
import * as imported from 'express-conflict'

const required = createRequire(import.meta.url)('express-conflict')
console.log(JSON.stringify({ imported: Object.keys(imported), required: Object.keys(required) }))
