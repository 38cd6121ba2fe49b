import type { ServerResponse } from 'node:http'
import type { Request, Response } from 'express'

type Method = (this: ServerResponse, ...args: unknown[]) => unknown
type Methods = Readonly<Record<(typeof NAMES)[number], Method>>

/** Everything that sends part of an answer goes through one of these. */
const NAMES = ['writeHead', 'flushHeaders', 'write', 'end'] as const

/** What acts on the answer to a guarded request, in the order in which it passes from the handler to the socket. */
export interface AnswerGuard {
  readonly res: ServerResponse
  /** 1. Stop an answer that must not be sent. */
  vetoes: readonly Veto[]
  /** 2. Captures the answer until it is stored. */
  capture: Capture | undefined
  /** 3. Corrects status and header fields just before the head is written. */
  onHead: ((res: Response, status: number) => number) | undefined
  /** 4. Called after `end` was called without throwing. */
  onEnd: (() => void) | undefined
  /** Only the methods that were installed last act. Those below them pass everything through. */
  installed: Installed
  keptBack: number | undefined
  isVetoed: boolean
}

export interface Veto {
  isDue(): boolean
  /** Called when the handler has ended its answer. Nothing of it has been sent. */
  afterVeto(status: number): Promise<void>
}

/** Replaces the methods of the answer: gets their arguments. */
export interface Capture {
  writeHead(args: unknown[]): unknown
  flushHeaders(): unknown
  write(args: unknown[]): unknown
  end(args: unknown[]): unknown
}

interface Installed {
  readonly own: Methods
  readonly below: Methods
}

/** Members that the types of Express 4 and 5 leave out. */
interface ExpressApp {
  readonly parent?: ExpressApp
  readonly response: Response & { [INSTALLED]?: Installed }
}

// Shared with other copies of this package.
const ANSWER = Symbol.for('express-conflict.answer')
const INSTALLED = Symbol.for('express-conflict.answer.methods')

interface Carrier {
  [ANSWER]?: AnswerGuard
}

/** The guard of an answer: one for each request, created on first use. */
export function guardOf(res: ServerResponse): AnswerGuard {
  const carrier = carrierOf(res)
  const known = carrier?.[ANSWER]
  if (known?.res === res) return known
  const answer: AnswerGuard = {
    res,
    vetoes: NONE,
    capture: undefined,
    onHead: undefined,
    onEnd: undefined,
    installed: installedFor(res),
    keptBack: undefined,
    isVetoed: false,
  }
  if (carrier) carrier[ANSWER] = answer
  return answer
}

/**
 * The same, but in front of every layer that has replaced the methods since, such as `compression`: it sees the answer
 * as the handler writes it.
 */
export function guardOnTop(res: ServerResponse): AnswerGuard {
  const answer = guardOf(res)
  const { own } = answer.installed
  if (!NAMES.every((name) => res[name] === own[name])) answer.installed = install(res)
  return answer
}

/** The methods below vetoes and capture: a captured answer is sent through these. */
export function pass({ res, onHead, installed }: AnswerGuard): Methods {
  const { below } = installed
  if (onHead === undefined) return below
  return { ...below, writeHead: (status, ...rest) => sendHead(res, onHead, below, status, rest) }
}

const NONE: readonly Veto[] = []

/** A mock request in a test may have none. */
function carrierOf({ req }: ServerResponse): Carrier | undefined {
  return req?.rawHeaders as Carrier | undefined
}

/** The latest prototype of answers. Most processes have one app. */
let latest: { readonly prototype: unknown; readonly installed: Installed } | null = null

/**
 * Installed once for each app, on the prototype of its answers, because own methods on every answer are expensive. Apps
 * that are mounted below inherit it.
 */
function installedFor(res: ServerResponse): Installed {
  const prototype: unknown = Object.getPrototypeOf(res)
  if (latest !== null && latest.prototype === prototype) return latest.installed
  const answers = answersOf(res.req as Request | undefined)
  if (answers === undefined) return install(res)
  const isPlain = NAMES.every((name) => (res as ServerResponse)[name] === answers[name])
  const isFirst = answers[INSTALLED] === undefined
  const installed = answers[INSTALLED] ?? install(answers)
  answers[INSTALLED] = installed
  latest = { prototype, installed }
  // On the first request, a layer in front such as `compression` has already kept the old methods.
  return isFirst && !isPlain ? install(res) : installed
}

/** The object from which all answers of the app inherit, and those of the apps that are mounted below it. */
function answersOf(req: Request | undefined): ExpressApp['response'] | undefined {
  let root = req?.app as unknown as ExpressApp | undefined
  while (root?.parent) root = root.parent
  return root?.response
}

function install(target: ServerResponse): Installed {
  const { writeHead, flushHeaders, write, end } = target as unknown as Methods
  const answerHere = (res: ServerResponse): AnswerGuard | undefined => {
    const answer = carrierOf(res)?.[ANSWER]
    return answer?.installed === installed && answer.res === res ? answer : undefined
  }
  const own: Methods = {
    writeHead(...args) {
      const answer = answerHere(this)
      if (answer === undefined) return writeHead.apply(this, args)
      const [status, ...rest] = args
      if (isKeptBack(answer, typeof status === 'number' ? status : this.statusCode)) return this
      if (answer.capture) return answer.capture.writeHead(args)
      return answer.onHead ? sendHead(this, answer.onHead, below, status, rest) : writeHead.apply(this, args)
    },
    flushHeaders() {
      const answer = answerHere(this)
      if (answer === undefined) return flushHeaders.call(this)
      if (isKeptBack(answer, this.statusCode)) return undefined
      return answer.capture ? answer.capture.flushHeaders() : flushHeaders.call(this)
    },
    write(...args) {
      const answer = answerHere(this)
      if (answer === undefined) return write.apply(this, args)
      if (isKeptBack(answer, this.statusCode)) return callBack(args, true)
      return answer.capture ? answer.capture.write(args) : write.apply(this, args)
    },
    end(...args) {
      const answer = answerHere(this)
      if (answer === undefined) return end.apply(this, args)
      if (isKeptBack(answer, this.statusCode)) return veto(answer, args)
      // If it throws, the answer has not ended: the error handler still has to answer.
      const result = answer.capture ? answer.capture.end(args) : end.apply(this, args)
      answer.onEnd?.()
      return result
    },
  }
  const below = { writeHead, flushHeaders, write, end }
  const installed = { own, below }
  Object.assign(target, own)
  return installed
}

function sendHead(
  res: ServerResponse,
  onHead: NonNullable<AnswerGuard['onHead']>,
  { writeHead }: Methods,
  status: unknown,
  rest: unknown[],
): unknown {
  return writeHead.call(res, res.headersSent ? status : onHead(res as Response, status as number), ...rest)
}

/**
 * Keeps back everything from the first byte to the end of the answer; the error's answer, which follows, passes.
 * Checked here and not when the head is written: then the status could still be changed, but not the body that
 * contradicts it.
 */
function isKeptBack(answer: AnswerGuard, status: number): boolean {
  const { vetoes, isVetoed, keptBack, res } = answer
  if (vetoes === NONE || isVetoed) return false
  if (keptBack === undefined && !res.headersSent && status >= 200 && status < 400)
    if (vetoes.some((each) => each.isDue())) answer.keptBack = status
  return answer.keptBack !== undefined
}

function veto(answer: AnswerGuard, args: readonly unknown[]): ServerResponse {
  const { res, vetoes, keptBack = res.statusCode } = answer
  answer.isVetoed = true
  for (const field of OF_THE_ANSWER) res.removeHeader(field)
  res.statusCode = 500
  void vetoes.find((each) => each.isDue())?.afterVeto(keptBack)
  return callBack(args, res)
}

/** Other fields are kept, because middleware in front may have set them. */
const OF_THE_ANSWER =
  'Content-Type Content-Length Content-Encoding Content-Disposition ETag Last-Modified Location'.split(' ')

function callBack<R>(args: readonly unknown[], result: R): R {
  const last = args.at(-1)
  if (typeof last === 'function') process.nextTick(last as () => void)
  return result
}
