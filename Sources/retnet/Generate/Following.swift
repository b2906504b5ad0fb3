internal import Files
internal import Glibc
internal import Inference
internal import Tokenization

/// Runs `generate --follow`, which prints the bits per byte of each line of standard input, without end.
struct Following {
  private let model: LoadedModel
  private(set) var generator: Generator
  private let meter: TokenMeter
  private let scoredBytes: ScoredBytes
  private let json: Bool
  private var encoder: TextEncoder
  private var line = Line(number: 1)
  /// The last ids, for the penalties of a later run that resumes from here.
  private(set) var tokens: RecentTokens

  /// Why following ended.
  enum End {
    case input
    case signal
    case readerGone
  }

  /// The line that is being read.
  private struct Line {
    let number: Int
    var bytes = 0
    /// The very first token, which is not scored if there is no BOS before it.
    var unscored: Int32?
    /// The start of the line's text.
    var text: [UInt8] = []

    // A line may be longer than memory.
    static let textLimit = 1 << 16
  }

  /// - Parameters:
  ///   - model: The model of the generator.
  ///   - generator: Continues from its current state.
  ///   - recent: The last ids that it has read, if known.
  ///   - meter: Scores tokens; of the same network.
  ///   - json: Whether JSON lines are printed.
  /// - Throws: `CommandError` if the model has no tokenizer.
  init(_ model: LoadedModel, _ generator: Generator, recent: [Int32]?, meter: TokenMeter, json: Bool) throws {
    let tokenizer = try model.tokenizer(for: "--follow")
    self.model = model
    scoredBytes = ScoredBytes(tokenizer)
    self.generator = generator
    self.meter = meter
    self.json = json
    tokens = RecentTokens(recent ?? [])
    encoder = TextEncoder(
      tokenizer, invalid: .bytes, source: "standard input",
      place: generator.progress.position == 0 ? .textStart : .lineStart)
  }

  /// Reads until the input ends, a signal arrives, or the reader of the output is gone.
  ///
  /// - Throws: If the input cannot be read or the output cannot be written; `TokenChoiceError`.
  mutating func run() throws -> End {
    StopSignals.listen()
    let reader = try BlockReader(path: "-")
    if generator.progress.position == 0, let bos = model.bosID { read([bos]) }
    do {
      while true {
        switch InputEvent.next() {
        case .signal: return .signal
        case .readerGone: return .readerGone
        case .input: break
        }
        guard let block = try reader.next() else { break }
        try read(block)
      }
      if line.bytes > 0 {
        var ids: [Int32] = []
        try encoder.finish(to: &ids)
        read(ids)
        try tellLine()
      }
      return .input
    } catch FileError.closedPipe {
      return .readerGone
    }
  }

  private mutating func read(_ block: [UInt8]) throws {
    var rest = block[...]
    while !rest.isEmpty {
      let end = rest.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? rest.endIndex
      let piece = rest[..<end]
      rest = rest[end...]
      line.bytes += piece.count
      line.text.append(contentsOf: piece.prefix(Line.textLimit - line.text.count))
      var ids: [Int32] = []
      try encoder.append(piece.span, to: &ids)
      read(ids)
      guard piece.last == UInt8(ascii: "\n") else { continue }
      // A line is scored when it ends, whatever follows.
      ids.removeAll(keepingCapacity: true)
      try encoder.endLine(to: &ids)
      read(ids)
      try tellLine()
    }
  }

  private mutating func read(_ ids: [Int32]) {
    guard !ids.isEmpty else { return }
    if generator.progress.position == 0 { line.unscored = ids.first }
    generator.read(ids, meter: meter)
    tokens.append(ids)
  }

  /// Prints the line that has ended, and starts the next one.
  private mutating func tellLine() throws {
    defer { line = Line(number: line.number + 1) }
    let cost = meter.take()
    guard cost.nats.isFinite else { throw TokenChoiceError.notFinite }
    let bytes = scoredBytes.count(line.bytes, unscored: line.unscored)
    let bitsPerByte = bytes > 0 ? cost.nats / log(2) / Double(bytes) : .nan
    if line.text.last == UInt8(ascii: "\n") { line.text.removeLast() }
    if line.text.last == UInt8(ascii: "\r") { line.text.removeLast() }
    guard json else {
      return try StandardStream.output.write(Array("\(bitsPerByte.fixed(3))\t".utf8) + line.text + [UInt8(ascii: "\n")])
    }
    let report = JSONReport([
      "line": .integer(line.number), "bits_per_byte": .number(bitsPerByte),
      "loss": .number(cost.nats / Double(cost.tokens)),
      "tokens": .integer(cost.tokens), "bytes": .integer(bytes), "position": .integer(generator.progress.position),
      "text": .text(String(decoding: line.text, as: UTF8.self)),
    ])
    try StandardStream.output.write(report.line + "\n")
  }
}
