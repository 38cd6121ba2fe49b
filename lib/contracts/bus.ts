/**
 * Carries short texts between the processes of an app: every listener in every process gets what any of them publishes.
 *
 * A listener gets each text that is published while it listens at least once. If some may have been lost, `onGap` is
 * called. Texts are strings of 1 to 4,000 characters from `!` to `~`.
 */
export interface MessageBus {
  /** Resolves when the back end has accepted the text. Rejects if the back end fails or does not answer in time. */
  publish(text: string): Promise<void>
  /**
   * Resolves when the listener gets everything that is published from then on, by this process too. The result is a
   * function that ends the subscription. Rejects if the back end cannot be reached. A connection that is lost later is
   * opened again.
   */
  subscribe(listener: BusListener): Promise<() => Promise<void>>
}

/** A listener on a bus. Its functions do not throw. */
export interface BusListener {
  onMessage(text: string): void
  /** Called when a lost connection has been restored: texts may have been missed in the meantime. */
  onGap(): void
}
