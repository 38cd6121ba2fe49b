import { Aggregator, Query } from 'mingo'
import { BSON, ObjectId } from 'mongodb'

export type Doc = Record<string, unknown>

export interface Command {
  readonly name: string
  readonly body: Doc
  readonly exact: Doc
}

/** An answer with `ok: 0`. */
export class Refusal extends Error {
  readonly reply: Doc
  constructor(code: number, codeName: string, errmsg: string, more: Doc = {}) {
    super(errmsg)
    this.reply = { ok: 0, code, codeName, errmsg, ...more }
  }
}

const TRANSIENT = { errorLabels: ['TransientTransactionError'] }
const writeConflict = () => new Refusal(112, 'WriteConflict', 'Write conflict, please retry', TRANSIENT)
const noTransaction = () => new Refusal(251, 'NoSuchTransaction', 'The transaction is not there any more', TRANSIENT)

/** A document as the server keeps it: bytes. */
type Raw = Uint8Array
type Store = Map<string, Map<string, Raw>>

interface Transaction {
  readonly number: string
  readonly snapshot: Store
  readonly since: number
  readonly writes: Map<string, { ns: string; id: string; raw: Raw | undefined }>
  state: 'open' | 'committed' | 'aborted'
}

/** How one command sees and changes documents: inside its transaction, or at once. */
interface View {
  all(ns: string): Array<[id: string, raw: Raw]>
  put(ns: string, id: string, raw: Raw | undefined): Promise<void>
}

const plain = (raw: Raw): Doc => BSON.deserialize(raw)
const exact = (raw: Raw): Doc =>
  BSON.deserialize(raw, { promoteValues: false, promoteBuffers: false, bsonRegExp: true })
const idOf = (document: Doc) => BSON.EJSON.stringify({ id: document._id }, { relaxed: true })

export function stored() {
  const committed: Store = new Map()
  const indexes = new Map<string, Doc[]>()
  const changedAt = new Map<string, number>()
  const lockedBy = new Map<string, Transaction>()
  const transactions = new Map<string, Transaction>()
  const retryable = new Map<string, { number: string; reply: Promise<Doc> }>()
  let clock = 0

  const collection = (store: Store, ns: string) => {
    const found = store.get(ns) ?? new Map<string, Raw>()
    store.set(ns, found)
    return found
  }

  function apply(ns: string, id: string, raw: Raw | undefined): void {
    changedAt.set(`${ns} ${id}`, ++clock)
    if (raw) collection(committed, ns).set(id, raw)
    else collection(committed, ns).delete(id)
  }

  const outside: View = {
    all: (ns) => [...collection(committed, ns)],
    async put(ns, id, raw) {
      if (lockedBy.has(`${ns} ${id}`)) throw HELD
      demandUnique(ns, id, raw, collection(committed, ns))
      apply(ns, id, raw)
    },
  }

  function inside(transaction: Transaction): View {
    const seen = (ns: string) => {
      const documents = new Map(collection(transaction.snapshot, ns))
      for (const write of transaction.writes.values()) {
        if (write.ns !== ns) continue
        if (write.raw) documents.set(write.id, write.raw)
        else documents.delete(write.id)
      }
      return documents
    }
    return {
      all: (ns) => [...seen(ns)],
      async put(ns, id, raw) {
        const place = `${ns} ${id}`
        const other = lockedBy.get(place)
        if ((other && other !== transaction) || (changedAt.get(place) ?? 0) > transaction.since) {
          end(transaction, 'aborted')
          throw writeConflict()
        }
        demandUnique(ns, id, raw, seen(ns))
        lockedBy.set(place, transaction)
        transaction.writes.set(place, { ns, id, raw })
      },
    }
  }

  function demandUnique(ns: string, id: string, raw: Raw | undefined, documents: Map<string, Raw>): void {
    const document = raw && plain(raw)
    for (const key of document ? (indexes.get(ns) ?? []) : []) {
      const filter = Object.fromEntries(Object.keys(key).map((field) => [field, document?.[field] ?? null]))
      const query = new Query(filter)
      for (const [other, theirs] of documents)
        if (other !== id && query.test(plain(theirs))) throw duplicate(key, filter)
    }
  }

  function end(transaction: Transaction, state: 'committed' | 'aborted'): void {
    transaction.state = state
    for (const [place, { ns, id, raw }] of transaction.writes) {
      lockedBy.delete(place)
      if (state === 'committed') apply(ns, id, raw)
    }
  }

  async function write(view: View, ns: string, command: Command): Promise<Doc> {
    if (command.name === 'insert') return unlessDuplicate(insert(view, ns, command.exact.documents as Doc[]))
    if (command.name === 'update') return unlessDuplicate(updateAll(view, ns, command))
    if (command.name === 'delete') return removeAll(view, ns, command.body.deletes as Doc[])
    return findAndModify(view, ns, command)
  }

  async function run(command: Command): Promise<Doc> {
    const { name, body } = command
    const ns = `${body.$db}.${body[name]}`
    const session = sessionOf(body)
    const transaction = body.autocommit === false ? openOf(session, body) : undefined
    if (name === 'commitTransaction' || name === 'abortTransaction') return finish(name, transaction)
    if (transaction && transaction.state !== 'open') throw noTransaction()
    const view = transaction ? inside(transaction) : outside
    if (name === 'find') return find(view, ns, body)
    if (WRITES.has(name)) {
      if (transaction) return ended(transaction, () => write(view, ns, command))
      const number = body.txnNumber === undefined ? undefined : String(body.txnNumber)
      const before = retryable.get(session)
      if (number !== undefined && before?.number === number) return before.reply
      const reply = waiting(() => write(view, ns, command))
      if (number !== undefined) retryable.set(session, { number, reply })
      return reply
    }
    if (name === 'createIndexes') {
      const unique = (body.indexes as Doc[]).filter((index) => index.unique).map(({ key }) => key as Doc)
      indexes.set(ns, [...(indexes.get(ns) ?? []), ...unique])
    } else if (name === 'drop') {
      committed.delete(ns)
    } else if (!/^(?:ping|buildInfo|endSessions|killSessions|killCursors|create)$/.test(name)) {
      throw new Refusal(59, 'CommandNotFound', `no such command: '${name}'`)
    }
    return {}
  }

  /** Outside of transactions the server tries again and again while one of them is in the way. */
  async function waiting(attempt: () => Promise<Doc>): Promise<Doc> {
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        if (error !== HELD) throw error
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    }
  }

  async function ended(transaction: Transaction, attempt: () => Promise<Doc>): Promise<Doc> {
    try {
      const reply = await attempt()
      if (reply.writeErrors) end(transaction, 'aborted')
      return reply
    } catch (error) {
      if (transaction.state === 'open') end(transaction, 'aborted')
      throw error
    }
  }

  function openOf(session: string, body: Doc): Transaction {
    const number = String(body.txnNumber)
    const known = transactions.get(session)
    if (body.startTransaction !== true) {
      if (known?.number !== number) throw noTransaction()
      return known
    }
    if (known?.state === 'open') end(known, 'aborted')
    const snapshot: Store = new Map([...committed].map(([ns, documents]) => [ns, new Map(documents)]))
    const opened: Transaction = { number, snapshot, since: clock, writes: new Map(), state: 'open' }
    transactions.set(session, opened)
    return opened
  }

  function finish(name: string, transaction: Transaction | undefined): Doc {
    if (!transaction || transaction.state === 'aborted') throw noTransaction()
    if (transaction.state === 'open') end(transaction, name === 'commitTransaction' ? 'committed' : 'aborted')
    return {}
  }

  return { run }
}

const HELD = new Error('held by a transaction')
const WRITES = new Set(['insert', 'update', 'delete', 'findAndModify'])

const sessionOf = ({ lsid }: Doc) => BSON.EJSON.stringify(lsid ?? {})

function matching(view: View, ns: string, filter: Doc): Array<[id: string, raw: Raw]> {
  // By its type, too: mingo takes values that look alike for one.
  const { _id: id } = filter
  const isExact = id !== undefined && (typeof id !== 'object' || id instanceof ObjectId)
  const query = new Query(filter)
  const wanted = isExact ? idOf({ _id: id }) : undefined
  return view.all(ns).filter(([key, raw]) => (wanted === undefined || key === wanted) && query.test(plain(raw)))
}

function find(view: View, ns: string, { filter = {}, sort, limit = 0 }: Doc): Doc {
  const found = matching(view, ns, filter as Doc).map(([, raw]) => raw)
  const [[field, order] = ['_id', 0]] = Object.entries((sort ?? {}) as Record<string, number>)
  if (order !== 0) found.sort((a, b) => order * (Number(plain(a)[field]) - Number(plain(b)[field])))
  const most = Math.abs(Number(limit)) || found.length
  return { cursor: { firstBatch: found.slice(0, most).map(exact), id: BSON.Long.ZERO, ns } }
}

/** These two tell it in an answer that is `ok`, and stop there. */
function unlessDuplicate(written: Promise<Doc>): Promise<Doc> {
  return written.catch((error: unknown) => {
    if (!(error instanceof Refusal) || error.reply.code !== 11000) throw error
    const { ok: _, codeName: __, ...reason } = error.reply
    return { n: 0, writeErrors: [{ index: 0, ...reason }] }
  })
}

async function insert(view: View, ns: string, documents: Doc[]): Promise<Doc> {
  for (const document of documents) await add(view, ns, document)
  return { n: documents.length }
}

async function add(view: View, ns: string, document: Doc): Promise<void> {
  const whole = '_id' in document ? document : { _id: new ObjectId(), ...document }
  const id = idOf(plain(BSON.serialize(whole)))
  if (view.all(ns).some(([other]) => other === id)) throw duplicate({ _id: 1 }, { _id: whole._id })
  await view.put(ns, id, BSON.serialize(whole))
}

function duplicate(keyPattern: Doc, keyValue: Doc): Refusal {
  const errmsg = `E11000 duplicate key error dup key: ${JSON.stringify(keyValue)}`
  return new Refusal(11000, 'DuplicateKey', errmsg, { keyPattern, keyValue })
}

async function updateAll(view: View, ns: string, { body, exact: sent }: Command): Promise<Doc> {
  let [n, nModified] = [0, 0]
  for (const [index, update] of (body.updates as Doc[]).entries()) {
    const found = matching(view, ns, update.q as Doc).slice(0, update.multi ? undefined : 1)
    for (const [id, raw] of found) {
      const next = changed(raw, update.u, ((sent.updates as Doc[])[index] as Doc).u)
      n++
      if (Buffer.compare(raw, next) === 0) continue
      await view.put(ns, id, next)
      nModified++
    }
  }
  return { n, nModified }
}

async function removeAll(view: View, ns: string, deletes: Doc[]): Promise<Doc> {
  let n = 0
  for (const { q, limit } of deletes) {
    for (const [id] of matching(view, ns, q as Doc).slice(0, limit === 1 ? 1 : undefined)) {
      await view.put(ns, id, undefined)
      n++
    }
  }
  return { n }
}

async function findAndModify(view: View, ns: string, { body, exact: sent }: Command): Promise<Doc> {
  const query = body.query as Doc
  const [found] = matching(view, ns, query)
  if (!found && !body.upsert) return { value: null, lastErrorObject: { n: 0, updatedExisting: false } }
  const before = found?.[1] ?? BSON.serialize({ _id: query._id })
  const next = changed(before, body.update, sent.update)
  if (!found) await add(view, ns, exact(next))
  else if (Buffer.compare(before, next) !== 0) await view.put(ns, found[0], next)
  const seen = body.new ? next : found?.[1]
  return { value: seen ? exact(seen) : null, lastErrorObject: { n: 1, updatedExisting: found !== undefined } }
}

function changed(raw: Raw, update: unknown, sent: unknown): Raw {
  if (Array.isArray(update)) return BSON.serialize(new Aggregator(update).run([plain(raw)])[0] as Doc)
  const document = exact(raw)
  const operators = Object.keys(sent as Doc)
  if (!operators.some((name) => name.startsWith('$'))) return BSON.serialize({ _id: document._id, ...(sent as Doc) })
  const { $set = {}, $unset = {}, $inc = {}, $setOnInsert: _, ...unknown } = sent as Record<string, Doc>
  if (Object.keys(unknown).length > 0) throw new Refusal(9, 'FailedToParse', `unknown: ${Object.keys(unknown)}`)
  for (const name of Object.keys($unset)) delete document[name]
  for (const [name, by] of Object.entries($inc)) document[name] = Number(document[name] ?? 0) + Number(by)
  return BSON.serialize({ ...document, ...$set })
}
