internal import ArgumentParser
internal import Corpora
internal import Tensors
internal import Training

extension NameSpecification {
  /// A short name, whose value may follow at once as in `-n3`, and the long name of the property.
  static func shortWithValue(_ letter: Character) -> NameSpecification {
    [.customShort(letter, allowingJoined: true), .long]
  }
}

extension DocumentRule {
  /// What shells offer for a rule.
  static var completion: CompletionKind { .list(["file", "line", "blank-line", "separator:"]) }
}

/// A choice among number formats: each can be given by its short name, which is the one that is printed, and by
/// PyTorch's.
protocol FormatArgument: ExpressibleByArgument, RawRepresentable where RawValue == String {}

extension FormatArgument {
  init?(argument: String) { self.init(rawValue: NumberFormat.fullNames[argument] ?? argument) }
}

extension NumberFormat: FormatArgument {}
extension TrainingPrecision: FormatArgument {}
