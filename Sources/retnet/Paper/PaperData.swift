internal import ArgumentParser
internal import Corpora
internal import Files
internal import Tensors
internal import Tokenization

/// The files that all experiments read, in the folder `data` of the report: the two parts of the text, its tokenizer,
/// and the sequences of the recall section. Each is made once.
struct PaperData {
  let folder: String
  let text: String
  private let options: GlobalOptions

  var tokenizerPath: String { folder + "/tokenizer.model" }
  var trainPath: String { folder + "/train.tokens" }
  var validationPath: String { folder + "/validation.tokens" }
  var recallPath: String { folder + "/recall-train.tokens" }

  func recallPath(pairs: Int) -> String { "\(folder)/recall-\(pairs).tokens" }

  /// A text with fewer bytes would be read dozens of times.
  private static let leastBytes = 200_000
  private static let mostBytes = 1 << 30
  /// The most pieces of a vocabulary. A small text gets one piece for each 500 bytes.
  static let vocabularySize = 2_048
  private static let bytesPerPiece = 500
  /// The share of the text that is held out, and the most bytes of it.
  private static let (heldOutShare, mostHeldOut) = (0.05, 400_000)

  init(folder: String, text: String, options: GlobalOptions) {
    (self.folder, self.text, self.options) = (folder + "/data", text, options)
  }

  /// What sets the data of a run on the text.
  var textSettings: [String] { settings(trainPath, validationPath) }

  /// What sets the data of a run of the recall section.
  var recallSettings: [String] { settings(recallPath, recallPath(pairs: RecallData.middle)) }

  private func settings(_ train: String, _ validation: String) -> [String] {
    ["data.train=\(train)", "data.validation=\(validation)", "data.tokenizer=\(tokenizerPath)"]
  }

  /// Reads the text, before anything is written.
  ///
  /// - Throws: `CommandError` for a text that is too short; `FileError`.
  func read() throws -> [UInt8] {
    let source = try ByteSource(path: text)
    try FileRole.text.check(source, waits: false)
    let bytes = try source.readAll(byteLimit: Self.mostBytes)
    guard bytes.count >= Self.leastBytes else {
      throw CommandError(
        .badData,
        "\(text): expected a text of \(grouped(Self.leastBytes)) bytes or more, found \(grouped(bytes.count))")
    }
    return bytes
  }

  /// Makes the files that are missing.
  ///
  /// - Parameter bytes: The text.
  /// - Throws: The errors of tokenizers and files.
  func prepare(_ bytes: [UInt8]) throws {
    try makeFolder(path: folder)
    try AtomicFile.removeLeftovers(inFolder: folder)
    let border = Self.border(bytes)
    for (name, part) in [("train", bytes[..<border]), ("validation", bytes[border...])] {
      let path = "\(folder)/\(name).txt"
      if !fileExists(path: path) { try AtomicFile.write(Array(part), replacing: path) }
    }
    if !fileExists(path: tokenizerPath) {
      let size = min(Self.vocabularySize, max(512, bytes.count / Self.bytesPerPiece))
      try run(
        TokenizeTrain.self,
        ["--input", folder + "/train.txt", "--vocab-size", "\(size)", "-o", tokenizerPath]
          + ["--character-coverage", "\(Self.coverage(bytes, characters: size / 2))"])
    }
    for (name, path) in [("train", trainPath), ("validation", validationPath)] where !fileExists(path: path) {
      try run(TokenizePack.self, ["-m", tokenizerPath, "--input", "\(folder)/\(name).txt", "-o", path])
    }
    try makeRecall()
  }

  /// Where the held-out text begins: the start of a line.
  private static func border(_ bytes: [UInt8]) -> Int {
    let heldOut = min(mostHeldOut, Int(heldOutShare * Double(bytes.count)))
    let place = bytes.count - heldOut
    return bytes[place...].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? place
  }

  /// The share of the characters that get pieces of their own, so that these are no more than half of all pieces.
  private static func coverage(_ bytes: [UInt8], characters: Int) -> Double {
    var counts: [Unicode.Scalar: Int] = [:]
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars { counts[scalar, default: 0] += 1 }
    let sorted = counts.values.sorted(by: >)
    guard sorted.count > characters else { return 1 }
    return Double(sorted.prefix(characters).reduce(0, +)) / Double(sorted.reduce(0, +))
  }

  /// Runs a command of this program, without its messages.
  private func run<Command: ParsableCommand>(_ command: Command.Type, _ words: [String]) throws {
    var parsed = try Command.parse(words + ["-q", "-t", "\(try options.threadCount)"])
    try parsed.run()
  }

  private func makeRecall() throws {
    let tokenizer = try Tokenizer(path: tokenizerPath)
    let data = RecallData(tokenizer)
    if !fileExists(path: recallPath) { try data.writeTraining(recallPath) }
    for pairs in RecallData.pairs where !fileExists(path: recallPath(pairs: pairs)) {
      try data.writeTest(recallPath(pairs: pairs), pairs: pairs)
    }
  }
}
