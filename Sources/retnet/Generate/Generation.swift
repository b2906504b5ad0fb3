internal import Files
internal import Inference
internal import Modeling
internal import Tensors
internal import Tokenization

/// Runs `generate` once all files are open: reads prompts, generates texts and prints them.
struct Generation {
  let model: LoadedModel
  let rules: TextRules
  private(set) var generator: Generator
  let seed: UInt64
  let json: Bool
  let pool: WorkerPool
  private(set) var timings = GenerationTimings()
  /// The last ids that were read, for penalties, and whether no text was read.
  private(set) var recent: [Int32] = []
  private var isTextStart = false
  private var promptCount = PromptReader.Count(tokens: 0)

  init(model: LoadedModel, rules: TextRules, generator: Generator, seed: UInt64, json: Bool, pool: WorkerPool) {
    self.model = model
    self.rules = rules
    self.generator = generator
    self.seed = seed
    self.json = json
    self.pool = pool
  }

  /// Reads the prompt.
  ///
  /// - Parameters:
  ///   - reader: The reader of the prompt.
  ///   - recent: The last ids of the state before the prompt.
  /// - Returns: How much was read.
  /// - Throws: The errors of `PromptReader.read`.
  mutating func read(_ reader: inout PromptReader, recent: [Int32]?) throws -> PromptReader.Count {
    let start = ContinuousClock.now
    let read: PromptReader.Count
    do {
      read = try reader.read(into: &generator, model)
    } catch {
      // A signal leaves a state of what was read.
      self.recent = (recent ?? []) + reader.tokens.ids
      throw error
    }
    timings.addReading(read.tokens - read.reused, ContinuousClock.now - start)
    // A prompt that was known begins with what the state has read.
    self.recent = (read.reused > 0 ? [] : recent ?? []) + reader.tokens.ids
    isTextStart = read.isTextStart
    promptCount = read
    return read
  }

  private func maker(seed: UInt64) -> TextMaker {
    TextMaker(rules, seed: seed, recent: recent, isTextStart: isTextStart)
  }

  /// Generates one text and prints it as it comes. If nobody reads the output or a signal arrives, the text ends early,
  /// and the generator has read all its tokens.
  ///
  /// - Parameter readsLast: Whether the generator also reads the last token, which a state needs.
  /// - Returns: The maker, with the text.
  /// - Throws: If standard output cannot be written; `TokenChoiceError`.
  mutating func runOne(readsLast: Bool) throws -> TextMaker {
    let start = ContinuousClock.now
    var (isHeard, generator) = (true, generator)
    defer { self.generator = generator }
    let maker = try TextBatch.makeText(
      &generator, maker(seed: seed), readsLast: readsLast, on: pool,
      while: { isHeard && StopSignals.received == nil },
      show: { if isHeard { isHeard = try show(json ? "" : $0) } })
    timings.addMaking(maker.tokens.count, ContinuousClock.now - start)
    guard isHeard else { return maker }
    var members = maker.members(model.tokenizer)
    members.merge(promptMembers) { $1 }
    members.merge(timings.members) { $1 }
    _ = try show((json ? JSONReport(members).text : "") + "\n")
    return maker
  }

  /// Generates texts until there are no more. A signal ends the texts in progress early.
  ///
  /// - Parameters:
  ///   - capacity: The maximum number of texts at a time.
  ///   - next: Returns the next text; called when there is room for one.
  ///   - done: Receives the finished texts, in the order in which `next` returned them.
  /// - Returns: The number of prompt tokens read, and the time that it took.
  /// - Throws: The errors of the closures; `FileError.closedPipe`; `TokenChoiceError`.
  private func runAll(
    capacity: Int, next: () throws -> (TextBatch.Start, TextMaker)?, done: (TextMaker) throws -> Void
  ) throws -> (tokens: Int, time: Duration) {
    var batch = TextBatch(model.network, capacity: capacity, readsAhead: true, on: pool)
    var finished: [Int: TextMaker] = [:]
    var (told, isOpen) = (0, true)
    repeat {
      try StandardStream.output.checkReader()
      if StopSignals.received != nil {
        isOpen = false
        batch.cancelAll()
      }
      while isOpen, batch.hasRoom {
        guard let (start, maker) = try next() else { isOpen = false; break }
        _ = batch.submit(start, maker)
      }
      for event in batch.step() {
        switch event {
        case .finished(let id, let maker, _): finished[id] = maker
        case .failed(_, let error, _): throw error
        case .text, .read, .left: break
        }
      }
      while let maker = finished.removeValue(forKey: told) {
        try done(maker)
        told += 1
      }
    } while isOpen || !batch.isEmpty
    return batch.reading
  }

  /// Writes to standard output; returns whether somebody reads it.
  private func show(_ text: String) throws -> Bool {
    do {
      try text.isEmpty ? StandardStream.output.checkReader() : StandardStream.output.write(text)
      return true
    } catch FileError.closedPipe {
      return false
    }
  }

  /// Generates and prints several continuations of the prompt.
  mutating func runSamples(_ count: Int) throws {
    let start = ContinuousClock.now
    var (begun, told, tokens) = (0, 0, 0)
    let progress = generator.progress
    _ = try runAll(capacity: min(count, BatchDecoder.limit)) {
      guard begun < count else { return nil }
      defer { begun += 1 }
      return (.progress(progress), maker(seed: seed &+ UInt64(begun)))
    } done: { maker in
      if json {
        var members = maker.members(model.tokenizer)
        members.merge(promptMembers) { $1 }
        members["sample"] = .integer(told)
        try StandardStream.output.write(JSONReport(members).line + "\n")
      } else {
        try StandardStream.output.write((told > 0 ? "---\n" : "") + maker.text + "\n")
      }
      told += 1
      tokens += maker.tokens.count
    }
    timings.addMaking(tokens, ContinuousClock.now - start)
  }

  /// Prints the most likely continuation that the beams find; with `--json`, all beams.
  mutating func runBeams(_ beams: Int) throws {
    let start = ContinuousClock.now
    let found = try BeamSearch.run(
      model.network, from: generator.progress, beams: beams, count: rules.count,
      eosID: rules.eosID, options: rules.options, on: pool,
      check: StandardStream.output.checkReader)
    timings.addMaking(found.first?.tokens.count ?? 0, ContinuousClock.now - start)
    let texts = found.map { hypothesis in
      guard let tokenizer = model.tokenizer else { return hypothesis.tokens.map { "\($0)" }.joined(separator: " ") }
      var stream = TextStream(tokenizer, startsText: isTextStart)
      let known = hypothesis.tokens.filter { Int($0) < tokenizer.vocabularySize }
      return known.map { stream.append($0) }.joined() + stream.finish()
    }
    guard json else { return try StandardStream.output.write((texts.first ?? "") + "\n") }
    var members = promptMembers.merging(timings.members) { $1 }
    members["beams"] = .list(
      zip(found, texts).map { hypothesis, text in
        .object([
          "text": model.tokenizer == nil ? .null : .text(text),
          "ids": .list(hypothesis.tokens.map { .integer(Int($0)) }),
          "logprob": .number(hypothesis.logProbability),
          "finish_reason": .text((hypothesis.isFinished ? FinishReason.eos : .length).rawValue),
        ])
      })
    try StandardStream.output.write(JSONReport(members).text + "\n")
  }

  /// Prints a JSON line for each prompt of a list.
  mutating func run(_ list: PromptList) throws {
    let start = ContinuousClock.now
    var made = 0
    var waiting: [PromptList.Entry] = []
    // A copy that the first closure can change.
    var list = list
    let reading = try runAll(capacity: BatchDecoder.limit) {
      guard let entry = try list.next() else { return nil }
      let text = rules.chat?.text(entry.prompt) ?? entry.prompt
      let prompt = try PromptReader.ids(text, source: entry.place, model)
      var rules = rules
      if let own = entry.count { rules.count = own }
      var told = entry
      told.tokens = prompt.ids.count
      waiting.append(told)
      let maker = TextMaker(rules, seed: entry.seed ?? seed, recent: prompt.ids, isTextStart: prompt.isTextStart)
      return (.prompt(TextPrompt(prompt.ids, chunkLength: generator.chunkLength)), maker)
    } done: { maker in
      let entry = waiting.removeFirst()
      var members = maker.members(model.tokenizer)
      members["prompt_tokens"] = .integer(entry.tokens)
      members["index"] = .integer(entry.index)
      if let id = entry.id { members["id"] = id }
      try StandardStream.output.write(JSONReport(members).line + "\n")
      made += maker.tokens.count
    }
    timings.addReading(reading.tokens, reading.time)
    timings.addMaking(made, ContinuousClock.now - start - reading.time)
  }

  private var promptMembers: [String: JSONValue] {
    [
      "prompt_tokens": .integer(promptCount.tokens), "reused_tokens": .integer(promptCount.reused),
      "chunk_length": .integer(generator.chunkLength), "model": .text(model.header.path),
    ]
  }
}

/// The numbers of tokens read and generated, and the times that they took.
struct GenerationTimings {
  private var read = (tokens: 0, seconds: 0.0)
  private var made = (tokens: 0, seconds: 0.0)

  mutating func addReading(_ tokens: Int, _ time: Duration) { read = (tokens, time.inSeconds) }
  mutating func addMaking(_ tokens: Int, _ time: Duration) { made = (tokens, time.inSeconds) }

  /// The lines for people.
  ///
  /// - Parameters:
  ///   - chunkLength: The number of prompt tokens read at a time.
  ///   - state: The state behind the text.
  /// - Returns: The lines.
  func lines(_ chunkLength: Int, _ state: ModelState) -> [String] {
    [("prompt:   ", read), ("generated:", made)].map { label, part in
      "\(label) \(grouped(part.tokens)) tokens in \(part.seconds.fixed(3)) s, "
        + "\(shortened(Double(part.tokens) / max(part.seconds, 1e-9))) tokens/s"
    } + ["chunk length of the prompt: \(chunkLength)", "state: \(memoryWords(Double(state.byteCount)))"]
  }

  var members: [String: JSONValue] {
    [
      "seconds": .seconds(made.seconds), "tokens_per_second": .number(Double(made.tokens) / max(made.seconds, 1e-9)),
      "prompt_seconds": .seconds(read.seconds),
    ]
  }
}
