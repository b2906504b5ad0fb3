package import Modeling
internal import Retention
package import Tensors

/// Why no next token can be chosen.
package enum TokenChoiceError: Error, Equatable, CustomStringConvertible {
  /// A logit is NaN or infinite, so the model or its state has a number that is not finite.
  case notFinite
  /// Biases and penalties leave no token that can come.
  case nothingLeft

  package var description: String {
    switch self {
    case .notFinite: "logits: expected finite numbers, found others"
    case .nothingLeft: "expected a token that may come, found all of them forbidden"
    }
  }
}

/// Sees that logits are numbers before anything is made of them.
///
/// - Parameter logits: As the model gives them, before biases.
/// - Throws: `TokenChoiceError.notFinite`.
package func checkFinite(_ logits: Tensor) throws(TokenChoiceError) {
  guard logits.isFinite else { throw .notFinite }
}

extension ModelState {
  /// The first layer that remembers a number that is not finite; nil: none.
  package var firstLayerNotFinite: Int? {
    layers.firstIndex { !$0.isFinite }
  }
}
