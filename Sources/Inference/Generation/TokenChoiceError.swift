package import Modeling
internal import Retention
package import Tensors

/// Why no next token can be chosen.
package enum TokenChoiceError: Error, Equatable, CustomStringConvertible {
  /// A logit is NaN or infinite, so the model or its state has a number that is not finite.
  case notFinite
  /// Biases and penalties forbid every token.
  case nothingLeft

  package var description: String {
    switch self {
    case .notFinite: "logits: expected finite numbers, found NaN or infinity"
    case .nothingLeft: "expected at least one allowed token, found all forbidden"
    }
  }
}

/// Throws if a logit is NaN or infinite.
///
/// - Parameter logits: The model's logits, before biases.
/// - Throws: `TokenChoiceError.notFinite`.
package func checkFinite(_ logits: Tensor) throws(TokenChoiceError) {
  guard logits.isFinite else { throw .notFinite }
}

extension ModelState {
  /// The first layer whose state holds a number that is not finite; nil: none.
  package var firstLayerNotFinite: Int? {
    layers.firstIndex { !$0.isFinite }
  }
}
