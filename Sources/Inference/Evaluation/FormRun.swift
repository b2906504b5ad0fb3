package import Modeling

/// One way to read a sequence of tokens. All ways should lead to the same numbers.
package struct FormRun: Equatable, Sendable {
  /// What becomes of the state where the sequence is cut.
  package enum Cut: Sendable {
    /// It is handed to the next stretch.
    case carried
    /// It is written to a file, and the next stretch begins with what is read from it.
    case saved
    /// The next stretch begins with an empty one, as a document of its own.
    case forgotten
  }

  /// The forms of the stretches, in turn.
  package var forms: [RetentionForm]
  /// The tokens before which the sequence is cut, ascending.
  package var cuts: [Int] = []
  package var atCuts = Cut.carried
  /// The tokens with which documents begin, 0 first, that are packed into one sequence; empty: one document.
  package var documents: [Int] = []
  /// nil: the threads that the caller works with.
  package var threadCount: Int?

  /// One stretch, one document.
  package init(forms: [RetentionForm]) { self.forms = forms }

  /// The stretches between the cuts.
  package func stretches(of length: Int) -> [Range<Int>] {
    zip([0] + cuts, cuts + [length]).map { $0..<$1 }
  }
}
