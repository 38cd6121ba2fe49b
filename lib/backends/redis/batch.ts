/** Few: the server works on one batch while the next is on its way, and a long script would hold up its other clients. */
const MOST = 4

/** The callers, in the order of their requests. */
type Asker = { resolve: (answer: unknown) => void; reject: (error: unknown) => void }

/** Sends the requests of one turn of the event loop together: a call costs more than the work it asks for. */
export function batch<Asked>(ask: (all: Asked[]) => Promise<unknown[]>): (one: Asked) => Promise<unknown> {
  let asked: Asked[] = []
  let askers: Asker[] = []

  function send(): void {
    const [sent, waiting] = [asked, askers]
    asked = []
    askers = []
    ask(sent).then(
      (answers) => {
        for (let place = 0; place < waiting.length; place++) waiting[place]?.resolve(answers[place])
      },
      (error) => {
        for (const { reject } of waiting) reject(error)
      },
    )
  }

  return (one) =>
    new Promise((resolve, reject) => {
      if (asked.length === MOST) send()
      // This runs after the pending promises and before the event loop goes on.
      if (asked.length === 0) process.nextTick(() => asked.length > 0 && send())
      asked.push(one)
      askers.push({ resolve, reject })
    })
}
