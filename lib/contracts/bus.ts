/**
 * Carries short texts between the processes of an app: what one of them publishes, every listener in all of them hears.
 *
 * A text is heard at least once, by whoever was listening when it was published, unless `onGap` says that some may be
 * missing. Texts are strings of 1 to 200 characters from `!` to `~`.
 */
export interface MessageBus {
  /** Resolves when the back end has taken the text. A back end that fails, or does not answer in time, rejects. */
  publish(text: string): Promise<void>
  /**
   * Resolves when it listens: whatever is published from then on is heard, by this process too. Gives what ends it. A back
   * end that cannot be reached rejects; one that is lost later is looked for until it is there again.
   */
  subscribe(listener: BusListener): Promise<() => Promise<void>>
}

/** Who listens to a bus. Its functions do not throw. */
export interface BusListener {
  onMessage(text: string): void
  /** The connection was lost and is there again: texts may have been missed in between, and none are from now on. */
  onGap(): void
}
