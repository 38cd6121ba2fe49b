const { once } = require('node:events')
const net = require('node:net')

/** One keep-alive connection with one request under way. As little as reads what these servers answer. */
async function connect(port) {
  const socket = net.connect(port, '127.0.0.1').setNoDelay().setEncoding('latin1')
  await once(socket, 'connect')
  let received = ''
  let waiting

  socket.on('data', (chunk) => {
    received += chunk
    const answer = answerIn(received)
    if (answer === undefined) return
    received = ''
    waiting.resolve(answer)
  })
  socket.on('error', (error) => waiting?.reject(error))
  socket.on('close', () => waiting?.reject(new Error('The server closed the connection.')))

  return {
    send: (text) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error('The server closed the connection while nobody asked.'))
        waiting = { resolve, reject }
        socket.write(text, 'latin1')
      }),
    close: () => socket.destroy(),
  }
}

function requestText(method, path, headers, body = '') {
  const length = body === '' ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }
  const lines = Object.entries({ Host: 'localhost', ...headers, ...length }).map(
    ([field, value]) => `${field}: ${value}`,
  )
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`
}

function answerIn(text) {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const head = text.slice(0, end)
  const length = Number(headerIn(head, 'Content-Length') ?? 0)
  if (text.length < end + 4 + length) return undefined
  return {
    status: Number(head.slice(9, 12)),
    head,
    header: (field) => headerIn(head, field),
    body: text.slice(end + 4),
  }
}

function headerIn(head, field) {
  const at = head.indexOf(`\r\n${field}: `)
  if (at === -1) return undefined
  const start = at + field.length + 4
  const end = head.indexOf('\r\n', start)
  return head.slice(start, end === -1 ? head.length : end)
}

module.exports = { connect, requestText }
