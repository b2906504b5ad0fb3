internal import Files
internal import Inference
internal import Modeling
internal import Tensors

/// Makes several texts, up to sixteen together; each is what it would be alone.
struct BatchGeneration {
  let network: RetNet
  let pool: WorkerPool

  /// What a text begins with.
  struct Start {
    let progress: ReadingProgress
    let maker: TextMaker
  }

  /// Makes texts until there are no more, or nobody reads them any more. A signal ends those that are begun where they are.
  ///
  /// - Parameters:
  ///   - capacity: How many at a time.
  ///   - next: The next start; asked when a place is free. Its progress is copied at once.
  ///   - done: Gets the finished texts in their order.
  /// - Throws: What the closures throw, `FileError.closedPipe`, and `TokenChoiceError`.
  func run(capacity: Int, next: () throws -> Start?, done: (TextMaker) throws -> Void) throws {
    var decoder = BatchDecoder(network, capacity: capacity, on: pool)
    var slots: [(number: Int, maker: TextMaker)] = []
    var finished: [Int: TextMaker] = [:]
    var (started, told, isOpen) = (0, 0, true)
    repeat {
      try StandardStream.output.checkReader()
      if StopSignals.received != nil {
        isOpen = false
        for slot in slots.indices { _ = slots[slot].maker.stop() }
      }
      while isOpen, slots.count < capacity {
        guard let start = try next() else { isOpen = false; break }
        if start.maker.finish == nil {
          decoder.add(start.progress)
          slots.append((started, start.maker))
        } else {
          finished[started] = start.maker
        }
        started += 1
      }
      var tokens: [Int32] = []
      for slot in slots.indices {
        guard slots[slot].maker.finish == nil else { tokens.append(-1); continue }
        tokens.append(try slots[slot].maker.step(decoder.logits(slot)).token ?? -1)
      }
      for slot in slots.indices.reversed() where slots[slot].maker.finish != nil {
        finished[slots[slot].number] = slots[slot].maker
        decoder.remove(slot)
        slots.swapAt(slot, slots.count - 1)
        tokens.swapAt(slot, tokens.count - 1)
        slots.removeLast()
        tokens.removeLast()
      }
      while let maker = finished.removeValue(forKey: told) {
        try done(maker)
        told += 1
      }
      decoder.append(tokens)
    } while isOpen || !slots.isEmpty
  }
}
