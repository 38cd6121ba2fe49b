const assert = require('node:assert/strict')
const { requestText } = require('./connection')

/** What a client does over and over. Each answer is checked: a fast wrong answer is no result. */
const OPERATIONS = {
  PUT(client) {
    client.article.edits++
    return change(client, 'PUT', client.article)
  },

  PATCH(client) {
    client.article.edits++
    return change(client, 'PATCH', { edits: client.article.edits })
  },

  async GET(client) {
    const answer = await ask(client, 'GET', client.path, {})
    assert.equal(answer.status, 200)
    assert.equal(answer.header('ETag'), client.tag)
    assert.equal(answer.body, JSON.stringify(client.article))
    return answer
  },

  async 'GET → 304'(client) {
    const answer = await ask(client, 'GET', client.path, { 'If-None-Match': client.tag })
    assert.equal(answer.status, 304)
    assert.equal(answer.header('ETag'), client.tag)
    return answer
  },

  async POST(client) {
    const { id: _, ...article } = client.article
    const answer = await ask(client, 'POST', '/articles', {}, JSON.stringify(article))
    assert.equal(answer.status, 201)
    const [path, tag] = [answer.header('Location'), answer.header('ETag')]
    assert.ok(path?.startsWith('/articles/') && tag?.startsWith('"'), `Location: ${path}, ETag: ${tag}`)
    client.created.push({ path, tag })
    return answer
  },

  /** Removes what POST has created. */
  async DELETE(client) {
    const { path, tag } = client.created.pop()
    const answer = await ask(client, 'DELETE', path, { 'If-Match': tag })
    assert.equal(answer.status, 204)
    return answer
  },

  async 'PUT → 412'(client) {
    const answer = await ask(client, 'PUT', client.path, { 'If-Match': '"an-old-one"' }, JSON.stringify(client.article))
    assert.equal(answer.status, 412)
    return answer
  },

  async 'PUT → 428'(client) {
    const answer = await ask(client, 'PUT', client.path, {}, JSON.stringify(client.article))
    assert.equal(answer.status, 428)
    return answer
  },
}

async function change(client, method, content) {
  const answer = await ask(client, method, client.path, { 'If-Match': client.tag }, JSON.stringify(content))
  assert.equal(answer.status, 200)
  assert.equal(answer.body, JSON.stringify(client.article))
  const tag = answer.header('ETag')
  assert.ok(tag?.startsWith('"') && tag !== client.tag, `ETag: ${tag} after ${client.tag}`)
  client.tag = tag
  return answer
}

function ask({ connection }, method, path, headers, body) {
  return connection.send(requestText(method, path, headers, body))
}

/** Takes hold of the resource: its present tag and value. `created` is shared by the clients of a server. */
async function newClient(connection, id, created = []) {
  const path = `/articles/${id}`
  const answer = await connection.send(requestText('GET', path, {}))
  return { connection, path, tag: answer.header('ETag'), article: JSON.parse(answer.body), created }
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
