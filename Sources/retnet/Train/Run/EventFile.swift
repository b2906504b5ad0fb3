internal import Files
internal import FoundationEssentials
internal import Reports

/// The TensorBoard event file of one process of a run.
///
/// TensorBoard reads all event files of a folder as one run, in the order of their names. The file of each process begins
/// with a start event, which makes TensorBoard forget what earlier processes wrote of later steps.
struct EventFile {
  private let file: AppendFile

  private static let namePrefix = "events.out.tfevents."

  /// Whether a name in a run folder is that of an event file.
  static func isName(_ name: String) -> Bool { name.hasPrefix(namePrefix) }

  /// Begins a file.
  ///
  /// - Parameters:
  ///   - folder: Of the run.
  ///   - step: The last one that is behind.
  /// - Throws: `FileError`.
  init(inFolder folder: String, after step: Int) throws(FileError) {
    // The second in which it begins makes the name the last one; a clock that was set back would not.
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

  /// Says that the run goes on after a step, whatever was written of later ones.
  func goBack(to step: Int) throws(FileError) {
    // A start event voids its own step too.
    try write(step + 1, .start)
  }

  /// Adds a point to each of some curves.
  func write(step: Int, _ points: [(tag: String, value: Float)]) throws(FileError) { try write(step, .scalars(points)) }

  /// Waits until all is on the disk.
  func sync() throws(FileError) { try file.sync() }

  private func write(_ step: Int, _ content: TensorBoardEvent.Content) throws(FileError) {
    try file.write(TensorBoardEvent(time: Date().timeIntervalSince1970, step: step, content).record)
  }
}

extension MetricsRow {
  /// The curves of TensorBoard by the keys of metrics.jsonl.
  private static let tags = [
    ("loss", "train/loss"), ("gradient_norm", "train/gradient_norm"), ("learning_rate", "train/learning_rate"),
    ("validation_loss", "validation/loss"), ("bits_per_byte", "validation/bits_per_byte"),
    ("perplexity", "validation/perplexity"),
  ]

  /// Its numbers that are worth a curve.
  var points: [(tag: String, value: Float)] {
    Self.tags.compactMap { key, tag in numbers[key].map { (tag, Float($0)) } }
  }
}
