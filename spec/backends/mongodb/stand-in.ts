import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { BSON } from 'mongodb'
import { type Command, type Doc, Refusal, stored } from './stand-in-data'

/** What happens to the next command of a name. */
export interface Fault {
  readonly command: string
  readonly moment: 'before' | 'after'
  /** The server's answer in place of its own. Without it the connection ends. */
  readonly answer?: Doc
}

export interface StandIn {
  readonly url: string
  readonly port: number
  failNext(fault: Fault): void
  /** The names of the commands that came, in their order. */
  readonly commands: string[]
  close(): Promise<void>
}

/**
 * Speaks the wire protocol of MongoDB, so that the real drivers can be run where no server is to be had: find, insert,
 * update, delete, findAndModify, unique indexes, retryable writes, and transactions as MongoDB has them, where the first
 * one to write wins and the other is sent away. Queries and pipelines are mingo's.
 *
 * It is no MongoDB: what it gets wrong, the specs get wrong with it. `MONGODB_URL` names a real one.
 */
export async function standIn(): Promise<StandIn> {
  const commands: string[] = []
  const faults: Fault[] = []
  const sockets = new Set<Socket>()
  const data = stored()

  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    socket.setNoDelay()
    let pending = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 4 && pending.length >= pending.readInt32LE(0)) {
        const message = pending.subarray(0, pending.readInt32LE(0))
        pending = pending.subarray(message.length)
        void answer(socket, message)
      }
    })
  })

  async function answer(socket: Socket, message: Buffer): Promise<void> {
    const isLegacy = message.readInt32LE(12) === OP_QUERY
    const command = isLegacy ? legacyCommand(message) : commandOf(message)
    commands.push(command.name)
    const fault = takeFault(command.name)
    // Others come between, as they would on their way.
    await new Promise(setImmediate)
    if (fault?.moment === 'before' && !fault.answer) return void socket.destroy()
    const reply = fault?.moment === 'before' ? fault.answer : await replyTo(command)
    if (fault?.moment === 'after' && !fault.answer) return void socket.destroy()
    if (socket.writable) socket.write(framed(fault?.answer ?? reply ?? {}, message.readInt32LE(4), isLegacy))
  }

  async function replyTo(command: Command): Promise<Doc> {
    if (/^(?:hello|ismaster)$/i.test(command.name)) return helloOf((server.address() as AddressInfo).port)
    try {
      return { ok: 1, ...(await data.run(command)) }
    } catch (error) {
      if (error instanceof Refusal) return error.reply
      return { ok: 0, code: 8000, codeName: 'StandIn', errmsg: String((error as Error).stack) }
    }
  }

  function takeFault(name: string): Fault | undefined {
    const index = faults.findIndex(({ command }) => command === name)
    return index === -1 ? undefined : faults.splice(index, 1)[0]
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `mongodb://127.0.0.1:${port}/test?directConnection=true`,
    port,
    commands,
    failNext: (fault) => void faults.push(fault),
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function helloOf(port: number): Doc {
  const me = `127.0.0.1:${port}`
  return {
    ok: 1,
    helloOk: true,
    ismaster: true,
    isWritablePrimary: true,
    secondary: false,
    setName: 'stand-in',
    setVersion: 1,
    hosts: [me],
    me,
    primary: me,
    maxBsonObjectSize: 16_777_216,
    maxMessageSizeBytes: 48_000_000,
    maxWriteBatchSize: 100_000,
    logicalSessionTimeoutMinutes: 30,
    localTime: new Date(),
    minWireVersion: 0,
    maxWireVersion: 21,
    readOnly: false,
  }
}

const OP_REPLY = 1
const OP_QUERY = 2004
const OP_MSG = 2013

const EXACT = { promoteValues: false, promoteBuffers: false, bsonRegExp: true }

/** Both as JavaScript has it, for filters, and as it was sent, for what is stored. */
function commandOf(message: Buffer): Command {
  const parts: Array<[field: string | undefined, raw: Buffer]> = []
  for (let at = 20; at < message.length; ) {
    const kind = message[at]
    const size = message.readInt32LE(at + 1)
    const section = message.subarray(at + 1, at + 1 + size)
    at += 1 + size
    if (kind === 0) {
      parts.push([undefined, section])
      continue
    }
    const nameEnd = section.indexOf(0, 4)
    const field = section.toString('utf8', 4, nameEnd)
    for (let start = nameEnd + 1; start < section.length; start += section.readInt32LE(start))
      parts.push([field, section.subarray(start, start + section.readInt32LE(start))])
  }
  const read = (options?: object) => {
    const body: Doc = {}
    for (const [field, raw] of parts) {
      const document = BSON.deserialize(raw, options)
      if (field === undefined) Object.assign(body, document)
      else body[field] = [...((body[field] as Doc[] | undefined) ?? []), document]
    }
    return body
  }
  const body = read()
  return { name: Object.keys(body)[0] ?? '', body, exact: read(EXACT) }
}

function legacyCommand(message: Buffer): Command {
  const start = message.indexOf(0, 20) + 9
  const body = BSON.deserialize(message.subarray(start, start + message.readInt32LE(start)))
  return { name: Object.keys(body)[0] ?? '', body, exact: body }
}

function framed(reply: Doc, to: number, isLegacy: boolean): Buffer {
  const body = Buffer.from(BSON.serialize(reply))
  const front = isLegacy ? Buffer.alloc(36) : Buffer.alloc(21)
  front.writeInt32LE(front.length + body.length, 0)
  front.writeInt32LE(to, 8)
  front.writeInt32LE(isLegacy ? OP_REPLY : OP_MSG, 12)
  if (isLegacy) front.writeInt32LE(1, 32)
  return Buffer.concat([front, body])
}
