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
  close(): Promise<void>
}

export async function cuttable(target: number): Promise<Cuttable> {
  const sockets = new Set<Socket>()
  let isCut = false
  const server = createServer((near) => {
    if (isCut) {
      near.destroy()
      return
    }
    const far = connect(target, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  function cut(): void {
    isCut = true
    for (const socket of sockets) socket.destroy()
  }

  return {
    port: (server.address() as AddressInfo).port,
    cut,
    heal() {
      isCut = false
    },
    stall() {
      isCut = true
      for (const socket of sockets) socket.unpipe().pause()
    },
    async close() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
