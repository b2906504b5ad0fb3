import Foundation
import TestSupport
import Testing

/// What a run of the built `retnet` did.
struct BinaryRun {
  /// The exit status; 128 + signal if a signal ended the process, so that a crash is never taken for an answer.
  let status: Int32
  /// The bytes of standard output.
  let output: Data
  /// The text of standard error.
  let talk: String

  /// Standard output as text.
  var text: String { String(decoding: output, as: UTF8.self) }

  /// The lines of standard error, without those on OpenBLAS's kernels, which depend on the environment of the tests.
  var messages: [Substring] {
    talk.split(separator: "\n").filter { !$0.contains("OpenBLAS") && !$0.contains("OPENBLAS") }
  }
}

/// Where standard output of a run goes.
enum BinaryOutput {
  /// Into `BinaryRun.output`.
  case captured
  /// Into a pipe whose reader has gone away.
  case closedPipe
  /// Into a file or device, `/dev/full` for instance.
  case file(String)
}

/// Runs the `retnet` that was built beside the tests.
///
/// - Parameters:
///   - arguments: The command line after the program's name.
///   - input: Standard input.
///   - environment: Variables on top of a small, fixed environment.
///   - folder: The working folder.
///   - output: Where standard output goes.
///   - program: What to run instead, a script for instance.
/// - Returns: What came of it.
/// - Throws: If the program cannot be started.
func runBinary(
  _ arguments: [String], input: Data = Data(), environment: [String: String] = [:], in folder: URL? = nil,
  output: BinaryOutput = .captured, program: URL = builtBinary
) throws -> BinaryRun {
  try withTemporaryFolder { scratch in
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    // The OPENBLAS_ variables pass through: the suite must hold with and without them. So do a sanitizer's options.
    let inherited = ProcessInfo.processInfo.environment.filter { name, _ in
      ["PATH", "HOME", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"].contains(name)
        || name.hasPrefix("OPENBLAS_")
    }
    process.environment = inherited.merging(environment) { $1 }
    process.currentDirectoryURL = folder ?? scratch

    // Files instead of pipes: nothing to drain while the process runs.
    func file(_ name: String, _ content: Data = Data()) throws -> URL {
      let url = scratch.appendingPathComponent(name)
      try writeQuickly(content, to: url.path)
      return url
    }
    let outputFile = try file("standard-output")
    let errorFile = try file("standard-error")
    process.standardInput = try FileHandle(forReadingFrom: file("standard-input", input))
    process.standardError = try FileHandle(forWritingTo: errorFile)
    switch output {
    case .captured: process.standardOutput = try FileHandle(forWritingTo: outputFile)
    case .file(let path): process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    case .closedPipe:
      let pipe = Pipe()
      try pipe.fileHandleForReading.close()
      process.standardOutput = pipe.fileHandleForWriting
    }
    try process.run()
    process.waitUntilExit()
    let wasSignalled = process.terminationReason == .uncaughtSignal
    return BinaryRun(
      status: process.terminationStatus + (wasSignalled ? 128 : 0),
      output: try Data(contentsOf: outputFile),
      talk: String(decoding: try Data(contentsOf: errorFile), as: UTF8.self))
  }
}

/// The `retnet` beside the program that runs the tests.
let builtBinary = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
  .deletingLastPathComponent().appendingPathComponent("retnet")

/// The folder of the project.
let projectFolder = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

/// Gives the body an empty folder that is removed afterwards.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = try TemporaryFolder()
  return try withExtendedLifetime(folder) { try body(URL(fileURLWithPath: folder.path)) }
}

/// The members of a JSON object.
///
/// - Throws: If the text is no JSON object.
func jsonObject(_ text: some StringProtocol) throws -> [String: Any] {
  try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
}
