internal import Files
internal import FoundationEssentials
internal import Reports

/// The TensorBoard event file that one process of a run writes.
///
/// TensorBoard reads all event files of a folder as one run, in the order of their names. The file of each process
/// starts with a start event, which makes TensorBoard discard what earlier processes wrote for later steps.
struct EventFile {
  private let file: AppendFile

  private static let namePrefix = "events.out.tfevents."

  /// Whether a name in a run folder is the name of an event file.
  static func isName(_ name: String) -> Bool { name.hasPrefix(namePrefix) }

  /// Starts a file.
  ///
  /// - Parameters:
  ///   - folder: The run folder.
  ///   - step: The last finished step.
  /// - Throws: `FileError`.
  init(inFolder folder: String, after step: Int) throws(FileError) {
    // The time stamp in the name must sort after those of earlier files, even if the clock was set back.
    let earlier = try namesInFolder(path: folder).filter(Self.isName).compactMap { name in
      Int(name.dropFirst(Self.namePrefix.count).prefix { $0 != "." })
    }
    let second = max(Int(Date().timeIntervalSince1970), (earlier.max() ?? 0) + 1)
    let process = ProcessInfo.processInfo
    // Ten digits until the year 2286.
    let digits = String(repeating: "0", count: max(0, 10 - String(second).count)) + String(second)
    file = try AppendFile(
      path: "\(folder)/\(Self.namePrefix)\(digits).\(process.hostName).\(process.processIdentifier)")
    try write(0, .fileVersion)
    try goBack(to: step)
  }

  /// Writes a start event that discards all steps after this one.
  func goBack(to step: Int) throws(FileError) {
    // A start event discards its own step too.
    try write(step + 1, .start)
  }

  /// Writes a point for each of the curves.
  func write(step: Int, _ points: [(tag: String, value: Float)]) throws(FileError) { try write(step, .scalars(points)) }

  /// Waits until everything is on disk.
  func sync() throws(FileError) { try file.sync() }

  private func write(_ step: Int, _ content: TensorBoardEvent.Content) throws(FileError) {
    try file.write(TensorBoardEvent(time: Date().timeIntervalSince1970, step: step, content).record)
  }
}

extension MetricsRow {
  /// TensorBoard's names of the curves, by the keys of metrics.jsonl.
  private static let tags = [
    ("loss", "train/loss"), ("gradient_norm", "train/gradient_norm"), ("learning_rate", "train/learning_rate"),
    ("validation_loss", "validation/loss"), ("bits_per_byte", "validation/bits_per_byte"),
    ("perplexity", "validation/perplexity"), ("ema_loss", "validation/ema_loss"),
    ("ema_bits_per_byte", "validation/ema_bits_per_byte"),
  ]

  /// The values of a row that are shown as curves.
  var points: [(tag: String, value: Float)] {
    Self.tags.compactMap { key, tag in numbers[key].map { (tag, Float($0)) } }
  }
}
