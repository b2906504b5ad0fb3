import Foundation
import TestSupport
import Testing

/// Tests that run commands on the files of a small project: made once, copied for each test.
@Suite(.tinyProject) enum CommandRuns {}

/// A text of made-up sentences, its tokenizers and token files, a configuration and the model trained with it.
struct TinyProject: Sendable {
  /// The files by name.
  let files: [String: Data]

  @TaskLocal static var current = TinyProject(files: [:])

  /// Six hundred lines of common words and marks.
  static let text: String = {
    let words = """
      light day night water waters earth heaven heavens said and the let there be was were upon face of deep good evening
      morning first second third firmament midst divide divided under above gathered together unto place dry land appear
      called seas grass herb yielding seed fruit tree kind whose itself greater lesser rule stars signs seasons years
      """.split { $0 == " " || $0 == "\n" }
    var state: UInt64 = 1
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    return (0..<600).map { _ in
      (0..<4 + next(8)).map { _ in words[next(words.count)] }.joined(separator: " ").capitalized
        + [".", "!", "?"][next(3)]
    }.joined(separator: "\n") + "\n"
  }()

  static let configuration = """
    model:
      width: 32
      layers: 2
      heads: 2
      feed_forward_width: 48
    data:
      train: train.tokens
      validation: validation.tokens
      tokenizer: tokenizer.model
    training:
      steps: 12
      batch_tokens: 128
      sequence_length: 32
      chunk_length: 16
      warmup_steps: 2
      evaluate_every: 6
      log_every: 4

    """

  /// Makes the files by the commands themselves.
  static func make() throws -> TinyProject {
    try withTemporaryFolder { folder in
      try Data(text.utf8).write(to: folder.appendingPathComponent("text.txt"))
      try Data(configuration.utf8).write(to: folder.appendingPathComponent("config.yaml"))
      for line in [
        "tokenize train --input text.txt --vocab-size 320 -o tokenizer.model",
        "tokenize train --input text.txt --vocab-size 320 --model-type bpe -o other.model",
        "tokenize train --input text.txt --vocab-size 340 -o larger.model",
        "tokenize pack -m tokenizer.model --input text.txt --documents line -o train.tokens "
          + "--validation-output validation.tokens --validation-fraction 0.1",
        "train --config config.yaml -o run",
      ] {
        let run = try runBinary(line.split(separator: " ").map(String.init), in: folder)
        #expect(run.status == 0, "\(line): \(run.talk)")
      }
      var files: [String: Data] = [:]
      for name in [
        "text.txt", "config.yaml", "tokenizer.model", "other.model", "larger.model", "train.tokens",
        "validation.tokens",
      ] { files[name] = try Data(contentsOf: folder.appendingPathComponent(name)) }
      files["model.safetensors"] = try Data(contentsOf: folder.appendingPathComponent("run/best.safetensors"))
      return TinyProject(files: files)
    }
  }
}

/// A folder with a copy of the project's files, where one test runs commands.
final class Workspace {
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("retnet-test-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    for (name, bytes) in TinyProject.current.files { try write(bytes, name) }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// The path of a file, for what runs in this process.
  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  func write(_ bytes: Data, _ name: String) throws {
    try writeQuickly(bytes, to: folder.appendingPathComponent(name).path)
  }

  func write(_ text: String, _ name: String) throws { try write(Data(text.utf8), name) }

  func bytes(_ name: String) throws -> Data { try Data(contentsOf: folder.appendingPathComponent(name)) }

  func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }

  /// Changes a file in place.
  func change(_ name: String, to newName: String? = nil, _ change: (inout Data) -> Void) throws {
    var bytes = try bytes(name)
    change(&bytes)
    try write(bytes, newName ?? name)
  }

  /// Takes the digest out of a model file, by another name for it: numbers that are changed are then no damage.
  func dropDigest(_ name: String) throws {
    try change(name) { bytes in
      guard let key = bytes.firstRange(of: Data("retnet.digest".utf8)) else { return }
      bytes.replaceSubrange(key, with: Data("retnet.nodige".utf8))
    }
  }

  /// Runs a command whose arguments are the words of a line.
  func run(_ line: String, input: String = "", output: BinaryOutput = .captured) throws -> BinaryRun {
    try run(line.split(separator: " ").map(String.init), input: input, output: output)
  }

  func run(_ arguments: [String], input: String = "", output: BinaryOutput = .captured) throws -> BinaryRun {
    try runBinary(arguments, input: Data(input.utf8), in: folder, output: output)
  }

  /// Runs a command that must succeed, and gives back its result.
  func result(
    _ line: String, input: String = "", sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let run = try run(line, input: input)
    #expect(run.status == 0, "\(run.talk)", sourceLocation: sourceLocation)
    return run.text
  }

  /// The JSON object that a command prints; it must succeed.
  func json(_ line: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> [String: Any] {
    try jsonObject(try result(line, sourceLocation: sourceLocation))
  }

  /// All files below the folder with their bytes; folders have none.
  var contents: [String: Data?] {
    get throws {
      // The lock of a run folder holds the number of whoever came last.
      let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { !$0.hasSuffix(".lock") }
      return Dictionary(uniqueKeysWithValues: names.map { ($0, try? bytes($0)) })
    }
  }

  /// Expects a command to fail with one error line, at most one hint, no result, and no file touched.
  ///
  /// - Returns: What it said, without `error: ` and the hint.
  @discardableResult
  func expectFailure(
    _ line: String, status: Int32, _ message: String, output: BinaryOutput = .captured,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let before = try contents
    // Warnings about the machine are talk, which -q silences.
    let run = try run(line + " -q", output: output)
    let lines = run.talk.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(run.status == status, "\(line): \(run.talk)", sourceLocation: sourceLocation)
    #expect(run.output.isEmpty, sourceLocation: sourceLocation)
    #expect(lines.first?.hasPrefix("error: ") == true, "\(run.talk)", sourceLocation: sourceLocation)
    #expect(run.talk.contains(message), "\(run.talk)", sourceLocation: sourceLocation)
    let rest = lines.dropFirst().drop { $0.hasPrefix("hint: ") }
    let isUsage = status == 64 && rest.contains { $0.hasPrefix("Usage: ") }
    #expect(rest == [""] || isUsage, "\(run.talk)", sourceLocation: sourceLocation)
    #expect(try contents == before, "\(line) changed files", sourceLocation: sourceLocation)
    return String(lines.first?.dropFirst(7) ?? "")
  }
}

/// Makes the project before the tests of a suite.
struct TinyProjectTrait: SuiteTrait, TestScoping {
  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await TinyProject.$current.withValue(TinyProject.make()) { try await function() }
  }
}

extension Trait where Self == TinyProjectTrait {
  static var tinyProject: Self { Self() }
}
