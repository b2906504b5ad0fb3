package import Tensors

/// What a weight is for: initialisation, formats, weight decay and counts go by it.
package enum ParameterRole: Sendable {
  case embedding
  /// Of a mixer, from the residual stream: queries, keys, values and gates.
  case mixerInput
  /// Of a mixer, back to the residual stream.
  case mixerOutput
  case feedForward
  /// Every norm, that of the heads included.
  case norm
  /// The output head, where it is not the embedding.
  case head
  /// Not a weight: what documents start from.
  case initialState
}

/// The name, shape and role of one weight, in the order of the flat buffer.
package struct ParameterDescription: Sendable, Equatable {
  package let name: String
  package let shape: Shape
  /// Where it begins in the flat buffer.
  package let offset: Int
  package let role: ParameterRole
  package let isBias: Bool
  /// Blocks before it: a backward that wants its gradient goes down to there.
  package let depth: Int

  /// Whether it is a matrix; the others are norm weights and biases.
  package var isMatrix: Bool { shape.rank == 2 }

  /// Whether it is a table of the vocabulary, at one of the ends of the model.
  package var isVocabularyTable: Bool { isMatrix && (role == .embedding || role == .head) }

  /// The same weight in another buffer.
  func moved(to offset: Int) -> ParameterDescription {
    ParameterDescription(name: name, shape: shape, offset: offset, role: role, isBias: isBias, depth: depth)
  }
}

/// The parts of a model, for counts of its parameters.
package enum ParameterPart: String, CaseIterable, Sendable {
  case embedding
  /// Projections to queries, keys, values and gates, and the output.
  case retention
  case feedForward = "feed-forward"
  case norms
  case head
}

extension ParameterDescription {
  package var part: ParameterPart {
    switch role {
    case .embedding: .embedding
    case .mixerInput, .mixerOutput, .initialState: .retention
    case .feedForward: .feedForward
    case .norm: .norms
    case .head: .head
    }
  }
}
