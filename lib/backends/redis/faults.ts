import { type StoreFault, storeFault } from '../../contracts/store-fault'
import { messageOf } from './scripts'

/** Replies begin with a word in capitals. The others never left: the client was not connected and does not queue. */
const NOT_APPLIED =
  /^(?:[A-Z]{2,} |Stream isn't writeable and enableOfflineQueue|The client is closed|The client is offline|connect ECONNREFUSED)/

/** Without the text of the client, which may quote arguments. It is the cause, for those who look. */
export function redisFault(error: unknown, who: string): StoreFault {
  const message = `${who}: ${/^[A-Z]{2,}(?= )/.exec(messageOf(error))?.[0] ?? 'no answer'}`
  const applied = NOT_APPLIED.test(messageOf(error)) ? 'no' : 'unknown'
  return storeFault(new Error(message, { cause: error }), { applied })
}
