import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import type { AddressInfo, Server } from 'node:net'

export interface StreamEvent {
  readonly id?: string
  readonly event: string
  readonly data: Record<string, unknown>
}

/** A client that watches by server-sent events, as `EventSource` reads them. */
export interface Stream {
  readonly response: IncomingMessage
  /** The next event, however long it takes. */
  next(): Promise<StreamEvent>
  /** What has come and was not asked for yet. */
  readonly unread: readonly StreamEvent[]
  /** Resolves when the server has ended it. */
  readonly ended: Promise<void>
  /** Text that came, comments included. */
  readonly text: () => string
  leave(): void
}

/** Connects; resolves when the head is there. */
export async function watch(server: Server, path: string, headers: Record<string, string> = {}): Promise<Stream> {
  const { port } = server.address() as AddressInfo
  let asked: ClientRequest | undefined
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    asked = get({ port, path, headers, agent: false }, resolve).on('error', reject)
  })
  const unread: StreamEvent[] = []
  const waiting: ((event: StreamEvent) => void)[] = []
  let all = ''
  let rest = ''
  response.setEncoding('utf8').on('data', (text: string) => {
    all += text
    const blocks = (rest + text).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const event of blocks.flatMap(parsed)) {
      const first = waiting.shift()
      if (first) first(event)
      else unread.push(event)
    }
  })
  const ended = new Promise<void>((resolve) => response.on('close', resolve))
  response.on('error', () => {})
  return {
    response,
    unread,
    ended,
    text: () => all,
    next: () => {
      const first = unread.shift()
      return first ? Promise.resolve(first) : new Promise((resolve) => waiting.push(resolve))
    },
    leave: () => void asked?.destroy(),
  }
}

function parsed(block: string): StreamEvent[] {
  const lines = block.split('\n').map((line) => line.split(/: ?/, 1).concat(line.replace(/^\w*: ?/, '')))
  const fields = Object.fromEntries(lines) as Record<string, string>
  const { id, event, data } = fields
  if (event === undefined || data === undefined) return []
  return [{ ...(id !== undefined && { id }), event, data: JSON.parse(data) }]
}
