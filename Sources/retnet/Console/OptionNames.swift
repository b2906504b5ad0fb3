internal import ArgumentParser
internal import Corpora
internal import Tensors
internal import Training

/// Names and completions that several options share.
extension NameSpecification {
  /// A short name, whose value may follow directly as in `-n3`, and the long name of the property.
  static func shortWithValue(_ letter: Character) -> NameSpecification {
    [.customShort(letter, allowingJoined: true), .long]
  }
}

extension DocumentRule {
  /// The completions that shells offer for a document rule.
  static var completion: CompletionKind { .list(["file", "line", "blank-line", "separator:"]) }
}

/// A choice of number format. The short name is accepted and printed; PyTorch's name is accepted too.
protocol FormatArgument: ExpressibleByArgument, RawRepresentable where RawValue == String {}

extension FormatArgument {
  init?(argument: String) { self.init(rawValue: NumberFormat.fullNames[argument] ?? argument) }
}

extension NumberFormat: FormatArgument {}
extension TrainingPrecision: FormatArgument {}
