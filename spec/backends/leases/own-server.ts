import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A server of a spec's own, to be stopped, emptied and started again. */
export interface OwnServer {
  readonly port: number
  start(): Promise<void>
  /** Ends it at once, and with it what it keeps in memory. */
  kill(): Promise<void>
  stop(): Promise<void>
}

export const ZOOKEEPER_JAR = '/usr/share/java/zookeeper.jar'

/** ZooKeeper as Debian packages it. */
export function zookeeperServer(port: number): OwnServer {
  return ownServer(port, 'srvr', 'Mode:', (folder) => {
    const settings = [
      'tickTime=100',
      'minSessionTimeout=300',
      `dataDir=${folder}`,
      `clientPort=${port}`,
      'clientPortAddress=127.0.0.1',
      'admin.enableServer=false',
      '4lw.commands.whitelist=*',
    ]
    writeFileSync(join(folder, 'zoo.cfg'), `${settings.join('\n')}\n`)
    return {
      command: 'java',
      args: [
        ...['-Xmx128m', '-XX:TieredStopAtLevel=1', '-cp', `${folder}:${ZOOKEEPER_JAR}`],
        ...['-Dzookeeper.forceSync=no', 'org.apache.zookeeper.server.quorum.QuorumPeerMain', join(folder, 'zoo.cfg')],
      ],
    }
  })
}

/** A Redis that keeps nothing on disk. */
export function redisServer(port: number): OwnServer {
  const quiet = ['--save', '', '--appendonly', 'no', '--bind', '127.0.0.1']
  return ownServer(port, 'PING', 'PONG', (folder) => ({
    command: 'redis-server',
    args: ['--port', String(port), '--dir', folder, ...quiet],
  }))
}

function ownServer(
  port: number,
  question: string,
  answer: string,
  prepare: (folder: string) => { command: string; args: string[] },
): OwnServer {
  let folder: string | undefined
  let child: ChildProcess | undefined

  async function end(signal: NodeJS.Signals): Promise<void> {
    const running = child
    child = undefined
    if (!running || running.exitCode !== null) return
    const exited = new Promise((resolve) => running.once('exit', resolve))
    running.kill(signal)
    await exited
  }

  return {
    port,
    async start() {
      folder ??= mkdtempSync(join(tmpdir(), 'own-server-'))
      const { command, args } = prepare(folder)
      child = spawn(command, args, { stdio: 'ignore', cwd: folder })
      for (const until = Date.now() + 20_000; !(await says(port, question, answer)); ) {
        if (Date.now() > until) throw new Error(`${command} does not answer on port ${port}.`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    kill: () => end('SIGKILL'),
    async stop() {
      await end('SIGKILL')
      if (folder && existsSync(folder)) rmSync(folder, { recursive: true, force: true })
    },
  }
}

function says(port: number, question: string, answer: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${question}\r\n`))
    let text = ''
    socket.setTimeout(1000, () => socket.destroy())
    socket.on('data', (data) => {
      text += data
      if (text.includes(answer)) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text.includes(answer)))
  })
}
