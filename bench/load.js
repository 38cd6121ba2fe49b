const assert = require('node:assert/strict')
const { requestText } = require('./connection')

/** What a client does over and over with its resource. Each answer is checked: a fast wrong answer is no result. */
const OPERATIONS = {
  async PUT(client) {
    client.article.edits++
    const body = JSON.stringify(client.article)
    const answer = await client.connection.send(requestText('PUT', client.path, { 'If-Match': client.tag }, body))
    assert.equal(answer.status, 200)
    assert.equal(answer.body, body)
    const tag = answer.header('ETag')
    assert.ok(tag?.startsWith('"') && tag !== client.tag, `ETag: ${tag} after ${client.tag}`)
    client.tag = tag
    return answer
  },

  async GET(client) {
    const answer = await client.connection.send(requestText('GET', client.path, {}))
    assert.equal(answer.status, 200)
    assert.equal(answer.header('ETag'), client.tag)
    assert.equal(answer.body, JSON.stringify(client.article))
    return answer
  },

  async 'GET → 304'(client) {
    const answer = await client.connection.send(requestText('GET', client.path, { 'If-None-Match': client.tag }))
    assert.equal(answer.status, 304)
    assert.equal(answer.header('ETag'), client.tag)
    return answer
  },
}

/** Takes hold of the resource: its present tag and value. */
async function newClient(connection, id) {
  const path = `/articles/${id}`
  const answer = await connection.send(requestText('GET', path, {}))
  return { connection, path, tag: answer.header('ETag'), article: JSON.parse(answer.body) }
}

async function drive(clients, operation, requests) {
  let left = requests
  await Promise.all(
    clients.map(async (client) => {
      while (left-- > 0) await OPERATIONS[operation](client)
    }),
  )
}

module.exports = { OPERATIONS, newClient, drive }
