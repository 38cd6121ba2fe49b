const http = require('node:http')
const express = require('express')

const app = express()

/** A request and an answer as Express has them, on a route of their own, with no socket behind them. */
function requestOf({ method, id, headers, body }) {
  const req = Object.setPrototypeOf(new http.IncomingMessage({}), app.request)
  const res = Object.setPrototypeOf(new http.ServerResponse(req), app.response)
  Object.assign(req, { method, url: '/', baseUrl: `/articles/${id}`, params: { id }, headers, body, res })
  Object.assign(res, { req, locals: {} })
  // Only what was read counts as parsed.
  req.push('{}')
  req.read()
  return { req, res }
}

/** Settles when the middleware went on, or answered. */
function run(middleware, { req, res }) {
  return new Promise((resolve, reject) => {
    const { end } = res
    res.end = (...args) => {
      end.apply(res, args)
      resolve()
    }
    const answer = middleware(req, res, (error) => (error ? reject(error) : resolve()))
    answer?.then?.(undefined, reject)
  })
}

module.exports = { requestOf, run }
