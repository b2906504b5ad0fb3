package import Modeling

/// One way to read a sequence of tokens. All ways should give the same numbers.
package struct FormRun: Equatable, Sendable {
  /// What happens to the state where the sequence is cut.
  package enum Cut: Sendable {
    /// The next stretch continues with it.
    case carried
    /// It is written to a file, and the next stretch starts from the state read from that file.
    case saved
    /// The next stretch starts from an empty state, as a document of its own.
    case forgotten
  }

  /// The forms, used in turn for the stretches.
  package var forms: [RetentionForm]
  /// The tokens before which the sequence is cut, ascending.
  package var cuts: [Int] = []
  package var atCuts = Cut.carried
  /// The indices of the tokens at which packed documents begin, starting with 0; empty: one document.
  package var documents: [Int] = []
  /// nil: the caller's number of threads.
  package var threadCount: Int?

  /// One stretch, one document.
  package init(forms: [RetentionForm]) { self.forms = forms }

  /// The stretches between the cuts.
  package func stretches(of length: Int) -> [Range<Int>] {
    zip([0] + cuts, cuts + [length]).map { $0..<$1 }
  }
}
