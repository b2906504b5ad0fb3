internal import ArgumentParser
internal import Inference

extension WindowRule: ExpressibleByArgument {}

/// The options for evaluation in windows, as Transformers are evaluated.
struct WindowOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Read windows of w tokens, each from an empty state, instead of all.", valueName: "w"))
  var window: Int?

  @Option(help: ArgumentHelp("New tokens of each window after the first; the window.", valueName: "s"))
  var stride: Int?

  @Option(help: "Which tokens of a window are scored (docs/EVALUATION.md).")
  var windowRule: WindowRule?

  /// The longest window: its tokens are in memory.
  private static let longest = 1 << 24

  func validate() throws {
    guard let window else {
      let flags = [("--stride", stride != nil), ("--window-rule", windowRule != nil)]
      if let name = flags.first(where: \.1)?.0 { throw ValidationError("\(name): expected together with --window") }
      return
    }
    let least = rule == .llamaCpp ? 4 : 2
    guard least...Self.longest ~= window else {
      throw ValidationError("--window: expected \(least) to \(Self.longest), found \(window)")
    }
    if let stride, !(1...window ~= stride) {
      throw ValidationError("--stride: expected 1 to \(window), the window, found \(stride)")
    }
    if rule == .llamaCpp, stride != nil {
      throw ValidationError("--stride: the windows of llama.cpp do not overlap")
    }
  }

  var rule: WindowRule { windowRule ?? .sliding }

  /// The windows; nil: the full history.
  var windows: EvaluationWindows? {
    window.map { EvaluationWindows(rule: rule, length: $0, stride: stride ?? $0) }
  }
}
