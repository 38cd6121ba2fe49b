/** Few, so that the server is at work on some while others are on their way; and a long script holds up its other clients. */
const MOST = 4

/** Who asked, in the order of what was asked for. */
type Asker = { resolve: (answer: unknown) => void; reject: (error: unknown) => void }

/** What is asked for in one turn of the event loop goes out together: a call costs more than what it asks for. */
export function together<Asked>(ask: (all: Asked[]) => Promise<unknown[]>): (one: Asked) => Promise<unknown> {
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
      // It comes when the promises at hand are done, and before the event loop goes on.
      if (asked.length === 0) process.nextTick(() => asked.length > 0 && send())
      asked.push(one)
      askers.push({ resolve, reject })
    })
}
