internal import Corpora
internal import Files
internal import Modeling
internal import Serving
internal import Tensors

/// Facts about the machine and the build.
enum Machine {
  /// The facts about build and machine that `--version` prints.
  static var facts: [(name: String, value: String)] {
    let features = CPU().names
    return [
      ("commit", Terminal.buildCommit),
      ("cpu", cpuName),
      ("cpu features", features.isEmpty ? "none used" : features.joined(separator: " ")),
      ("blas", BLAS.configuration),
      ("blas core", BLAS.coreName),
      ("server", HTTPLimits.library ?? "none"),
      ("threads", "\(GlobalOptions.defaultThreadCount)"),
      ("model format", "\(ModelHeader.formatVersion)"),
      ("token file format", "\(TokenFileHeader.formatVersion)"),
    ]
  }

  /// The facts, besides the configuration, that a training run's bits depend on. `threads` is recorded although they do
  /// not.
  static func trainingFacts(threadCount: Int) -> [String: String] {
    [
      "threads": "\(threadCount)", "blas_core": BLAS.coreName,
      "cpu_features": CPU().names.joined(separator: " "),
    ]
  }

  /// The CPU's name as reported by the system.
  static var cpuName: String {
    guard let text = try? readAll(path: "/proc/cpuinfo", byteLimit: 1 << 20) else { return "unknown" }
    let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last.map { String($0.drop { $0 == " " }) } ?? "unknown"
  }

  /// Warns if OpenBLAS uses kernels for a slower core than the CPU's.
  static func warnOfSlowBLAS(_ options: VerbosityOptions) {
    guard let feature = BLAS.unusedFeature else { return }
    options.say(
      "warning: OpenBLAS uses its \(BLAS.coreName) kernels although this CPU has \(feature): products take twice as long"
    )
    if Terminal.environment["OPENBLAS_CORETYPE"] != nil {
      options.say("hint: run with: env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE retnet …")
    }
  }
}

extension GlobalOptions {
  /// The worker pool of this run.
  func makePool() throws -> WorkerPool { WorkerPool(threadCount: try threadCount) }

  /// Prints a message, unless `-q` is given.
  func say(_ line: String) { talk.say(line) }
}
