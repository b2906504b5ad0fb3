internal import ArgumentParser
internal import Corpora

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
