import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'

/** A way to a port that can be cut, and healed. */
export interface Cuttable {
  readonly port: number
  /** Ends every connection, and lets none through until it is healed. */
  cut(): void
  heal(): void
  /** Lets nothing through from now on, and tells nobody. */
  stall(): void
  /** What was stalled goes on. */
  resume(): void
  /** Requests come through from now on, and answers do not. */
  swallow(): void
  /** As `swallow`, from the first request on that holds this; resolves when that has come by. */
  swallowFrom(words: RegExp): Promise<void>
  close(): Promise<void>
}

/** `target` may be another port at each connection. */
export async function cuttable(target: number | (() => number)): Promise<Cuttable> {
  const sockets = new Map<Socket, Socket>()
  const fars = new Set<Socket>()
  let words: RegExp | undefined
  let comeBy: () => void = () => {}
  let isCut = false
  const server = createServer((near) => {
    if (isCut) {
      near.destroy()
      return
    }
    const far = connect(typeof target === 'number' ? target : target(), '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.set(socket, socket === near ? far : near)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    fars.add(far)
    far.on('close', () => fars.delete(far))
    near.on('data', (chunk) => {
      if (!words?.test(chunk.toString('latin1'))) return
      far.unpipe().resume()
      comeBy()
    })
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  function cut(): void {
    isCut = true
    for (const socket of sockets.keys()) socket.destroy()
  }

  return {
    port: (server.address() as AddressInfo).port,
    cut,
    heal() {
      isCut = false
    },
    stall() {
      isCut = true
      for (const socket of sockets.keys()) socket.unpipe().pause()
    },
    resume() {
      isCut = false
      for (const [socket, other] of sockets) socket.pipe(other)
    },
    swallow() {
      for (const far of fars) far.unpipe().resume()
    },
    swallowFrom(first) {
      words = first
      return new Promise((resolve) => {
        comeBy = resolve
      })
    },
    async close() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
