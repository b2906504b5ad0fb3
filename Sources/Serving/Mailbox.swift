internal import Dispatch
internal import Synchronization

/// Messages from any thread to the one thread that takes them.
package final class Mailbox<Message: Sendable>: Sendable {
  private let messages = Mutex<[Message]>([])
  private let arrivals = DispatchSemaphore(value: 0)

  package init() {}

  /// Adds a message and wakes the thread that waits.
  package func post(_ message: Message) {
    messages.withLock { $0.append(message) }
    arrivals.signal()
  }

  /// Takes all messages.
  ///
  /// - Parameter milliseconds: How long to wait for the first one; 0: not at all.
  /// - Returns: The messages in the order of their arrival; none if the time is over.
  package func take(waiting milliseconds: Int) -> [Message] {
    if milliseconds > 0 { _ = arrivals.wait(timeout: .now() + .milliseconds(milliseconds)) }
    let taken = messages.withLock { messages in
      defer { messages = [] }
      return messages
    }
    // One signal for each message: those of the messages that were taken together are not needed any more.
    for _ in taken.indices { _ = arrivals.wait(timeout: .now()) }
    return taken
  }
}
