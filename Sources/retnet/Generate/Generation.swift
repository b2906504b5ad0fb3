internal import Files
internal import Inference
internal import Modeling
internal import Tensors
internal import Tokenization

/// What `generate` does once everything is open: reads prompts, makes texts, shows them.
struct Generation {
  let model: LoadedModel
  let rules: TextRules
  private(set) var generator: Generator
  let seed: UInt64
  let json: Bool
  let pool: WorkerPool
  private(set) var timings = GenerationTimings()
  /// Of the prompt: what penalties look back to, and whether there was no text.
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
  ///   - reader: Of the prompt.
  ///   - recent: The last ids of a state that it follows.
  /// - Returns: What was read.
  /// - Throws: As `PromptReader.read` does.
  mutating func read(_ reader: inout PromptReader, recent: [Int32]?) throws -> PromptReader.Count {
    let start = ContinuousClock.now
    let read: PromptReader.Count
    do {
      read = try reader.read(into: &generator, model)
    } catch {
      // A signal leaves a state of what was read.
      self.recent = (recent ?? []) + reader.tail
      throw error
    }
    timings.addReading(read.tokens - read.reused, ContinuousClock.now - start)
    // A prompt that was known begins with what the state has read.
    self.recent = (read.reused > 0 ? [] : recent ?? []) + reader.tail
    isTextStart = read.isTextStart
    promptCount = read
    return read
  }

  private func maker(seed: UInt64) -> TextMaker {
    TextMaker(rules, seed: seed, recent: recent, isTextStart: isTextStart)
  }

  /// One text, shown as it comes. It ends early when nobody reads it any more or a signal comes, with all its tokens read.
  ///
  /// - Parameter readsLast: Whether the last token is read too, as a state must.
  /// - Returns: What made it.
  /// - Throws: When standard output cannot be written; `TokenChoiceError`.
  mutating func runOne(readsLast: Bool) throws -> TextMaker {
    let start = ContinuousClock.now
    var maker = maker(seed: seed)
    var isHeard = true
    while maker.finish == nil, isHeard {
      if StopSignals.received != nil {
        let text = maker.stop()
        isHeard = try show(json ? "" : text)
        break
      }
      let (token, text) = try maker.step(generator.nextLogits)
      isHeard = try show(json ? "" : text)
      if let token, maker.finish == nil || readsLast { generator.append(token) }
    }
    timings.addMaking(maker.tokens.count, ContinuousClock.now - start)
    guard isHeard else { return maker }
    var members = maker.members(model.tokenizer)
    members.merge(promptMembers) { $1 }
    members.merge(timings.members) { $1 }
    _ = try show((json ? JSONReport(members).text : "") + "\n")
    return maker
  }

  /// Writes to standard output; tells whether somebody reads it.
  private func show(_ text: String) throws -> Bool {
    do {
      try text.isEmpty ? StandardStream.output.checkReader() : StandardStream.output.write(text)
      return true
    } catch FileError.closedPipe {
      return false
    }
  }

  /// Several texts from the one prompt.
  mutating func runSamples(_ count: Int) throws {
    let start = ContinuousClock.now
    var (begun, told, tokens) = (0, 0, 0)
    let progress = generator.progress
    try BatchGeneration(network: model.network, pool: pool).run(capacity: min(count, BatchDecoder.limit)) {
      guard begun < count else { return nil }
      defer { begun += 1 }
      return .init(progress: progress, maker: maker(seed: seed &+ UInt64(begun)))
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

  /// The most likely continuation that the beams find.
  mutating func runBeams(_ beams: Int) throws {
    let start = ContinuousClock.now
    let found = try BeamSearch.run(
      model.network, from: generator.progress, beams: beams, count: rules.count,
      eosID: rules.eosID, options: rules.options, on: pool,
      check: StandardStream.output.checkReader)
    timings.addMaking(found.first?.tokens.count ?? 0, ContinuousClock.now - start)
    let texts = found.map { hypothesis in
      var stream = TextStream(model.tokenizer, startsText: isTextStart)
      let known = hypothesis.tokens.filter { Int($0) < model.tokenizer.vocabularySize }
      return known.map { stream.append($0) }.joined() + stream.finish()
    }
    guard json else { return try StandardStream.output.write((texts.first ?? "") + "\n") }
    var members = promptMembers.merging(timings.members) { $1 }
    members["beams"] = .list(
      zip(found, texts).map { hypothesis, text in
        .object([
          "text": .text(text), "ids": .list(hypothesis.tokens.map { .integer(Int($0)) }),
          "logprob": .number(hypothesis.logProbability),
          "finish_reason": .text((hypothesis.isFinished ? FinishReason.eos : .length).rawValue),
        ])
      })
    try StandardStream.output.write(JSONReport(members).text + "\n")
  }

  /// A line for each prompt of a list.
  mutating func run(_ list: PromptList) throws {
    let start = ContinuousClock.now
    var reading = Duration.zero
    var (read, made) = (0, 0)
    var waiting: [PromptList.Entry] = []
    // Copies, as two closures share them.
    var reader = generator
    var list = list
    try BatchGeneration(network: model.network, pool: pool).run(capacity: BatchDecoder.limit) {
      guard let entry = try list.next() else { return nil }
      let begin = ContinuousClock.now
      reader.restart()
      var prompt = PromptReader(text: entry.prompt, source: entry.place)
      guard let count = try self.read(&prompt, into: &reader) else { return nil }
      reading += ContinuousClock.now - begin
      read += count.tokens
      var rules = rules
      if let own = entry.count { rules.count = own }
      var told = entry
      told.tokens = count.tokens
      waiting.append(told)
      let maker = TextMaker(
        rules, seed: entry.seed ?? seed, recent: prompt.tail, isTextStart: count.isTextStart)
      return .init(progress: reader.progress, maker: maker)
    } done: { maker in
      let entry = waiting.removeFirst()
      var members = maker.members(model.tokenizer)
      members["prompt_tokens"] = .integer(entry.tokens)
      members["index"] = .integer(entry.index)
      if let id = entry.id { members["id"] = id }
      try StandardStream.output.write(JSONReport(members).line + "\n")
      made += maker.tokens.count
    }
    timings.addReading(read, reading)
    timings.addMaking(made, ContinuousClock.now - start - reading)
  }

  /// Reads a prompt of a list; nil where a signal came.
  private func read(_ prompt: inout PromptReader, into generator: inout Generator) throws -> PromptReader.Count? {
    do { return try prompt.read(into: &generator, model) } catch is PromptReader.Stopped { return nil }
  }

  private var promptMembers: [String: JSONValue] {
    [
      "prompt_tokens": .integer(promptCount.tokens), "reused_tokens": .integer(promptCount.reused),
      "chunk_length": .integer(generator.chunkLength), "model": .text(model.header.path),
    ]
  }
}

/// Tokens and the time they took.
struct GenerationTimings {
  private var read = (tokens: 0, seconds: 0.0)
  private var made = (tokens: 0, seconds: 0.0)

  mutating func addReading(_ tokens: Int, _ time: Duration) { read = (tokens, time.inSeconds) }
  mutating func addMaking(_ tokens: Int, _ time: Duration) { made = (tokens, time.inSeconds) }

  /// For people.
  func lines(_ chunkLength: Int) -> [String] {
    [("prompt:   ", read), ("generated:", made)].map { label, part in
      "\(label) \(grouped(part.tokens)) tokens in \(part.seconds.fixed(3)) s, "
        + "\(shortened(Double(part.tokens) / max(part.seconds, 1e-9))) tokens/s"
    } + ["chunk length of the prompt: \(chunkLength)"]
  }

  var members: [String: JSONValue] {
    [
      "seconds": .seconds(made.seconds), "tokens_per_second": .number(Double(made.tokens) / max(made.seconds, 1e-9)),
      "prompt_seconds": .seconds(read.seconds),
    ]
  }
}
