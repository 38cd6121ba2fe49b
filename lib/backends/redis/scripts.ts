import { createHash } from 'node:crypto'
import { type StoreFault, storeFault } from '../../contracts/store-fault'

/** The part of an ioredis client or cluster that is used. */
export interface IoredisScripts {
  evalsha(sha: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>
  eval(script: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>
}

/** The part of a node-redis client or cluster that is used. */
export interface NodeRedisScripts {
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

export type RedisClient = IoredisScripts | NodeRedisScripts

export interface Script {
  readonly text: string
  readonly sha: string
}

export type RunScript = (script: Script, keys: string[], args: string[]) => Promise<unknown>

export function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

export function isRedisClient(client: unknown): client is RedisClient {
  return typeof client === 'object' && client !== null && ('evalsha' in client || 'evalSha' in client)
}

export function scriptRunner(client: RedisClient): RunScript {
  function send({ text, sha }: Script, whole: boolean, keys: string[], args: string[]): Promise<unknown> {
    if ('evalSha' in client) {
      const given = { keys, arguments: args }
      return whole ? client.eval(text, given) : client.evalSha(sha, given)
    }
    return whole ? client.eval(text, keys.length, ...keys, ...args) : client.evalsha(sha, keys.length, ...keys, ...args)
  }

  return (each, keys, args) =>
    send(each, false, keys, args).catch((error: unknown) => {
      // After a restart or SCRIPT FLUSH, the server does not know the script. It has run nothing.
      if (messageOf(error).startsWith('NOSCRIPT')) return send(each, true, keys, args)
      throw error
    })
}

export function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown }
  return typeof message === 'string' ? message : ''
}

/** A reply of the server begins with a word in capitals. The other errors mean that the command was never sent. */
const NOT_APPLIED =
  /^(?:[A-Z]{2,} |Stream isn't writeable and enableOfflineQueue|The client is closed|The client is offline|connect ECONNREFUSED)/

/** A fault without the client's message, which may quote arguments. The original error is its `cause`. */
export function redisFault(error: unknown, who: string): StoreFault {
  const message = `${who}: ${/^[A-Z]{2,}(?= )/.exec(messageOf(error))?.[0] ?? 'no answer'}`
  const applied = NOT_APPLIED.test(messageOf(error)) ? 'no' : 'unknown'
  return storeFault(new Error(message, { cause: error }), { applied })
}
