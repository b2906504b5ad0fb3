package import Tensors

/// The role of a weight, which determines its initialisation, format, weight decay and count.
package enum ParameterRole: Sendable {
  case embedding
  /// A mixer's weights that read the residual stream: queries, keys, values and gates.
  case mixerInput
  /// A mixer's weights that write to the residual stream.
  case mixerOutput
  case feedForward
  /// Every norm, including that of the heads.
  case norm
  /// The scalars by which a block's input is mixed.
  case residualScale
  /// The output head, unless it is the embedding.
  case head
  /// Not a weight, but the state that documents start from.
  case initialState
}

/// The name, shape and role of one weight, in the order of the flat buffer.
package struct ParameterDescription: Sendable, Equatable {
  package let name: String
  package let shape: Shape
  /// The offset in the flat buffer.
  package let offset: Int
  package let role: ParameterRole
  package let isBias: Bool
  /// Number of blocks before the weight. A backward that computes its gradient goes down to this block.
  package let depth: Int
  /// The type of the layer that the weight belongs to; nil: none.
  var layerType: LayerType?
  /// Whether the weight is zero before training from scratch.
  var isZeroInitially = false
  /// The gain of a mixer's matrix before training from scratch.
  var gain = 1.0

  /// Whether it is a matrix; all others are norm weights, biases and scalars.
  package var isMatrix: Bool { shape.rank == 2 }

  /// Whether it has a row for each token of the vocabulary: the embedding, or the head.
  package var isVocabularyTable: Bool { isMatrix && (role == .embedding || role == .head) }

  /// The same weight in another buffer.
  func moved(to offset: Int) -> ParameterDescription {
    ParameterDescription(
      name: name, shape: shape, offset: offset, role: role, isBias: isBias, depth: depth,
      layerType: layerType, isZeroInitially: isZeroInitially, gain: gain)
  }
}

/// The parts of a model, for counting its parameters.
package enum ParameterPart: Hashable, Sendable {
  case embedding
  /// The mixers of a layer type: projections to queries, keys, values and gates, and the output.
  case mixers(LayerType)
  case feedForward
  /// The norms, and the scalars of the residual stream.
  case norms
  case head

  /// The parts of a model, in the order of its weights.
  package static func parts(of configuration: ModelConfiguration) -> [ParameterPart] {
    [.embedding] + configuration.presentTypes.map { .mixers($0) } + [.feedForward, .norms, .head]
  }

  package var name: String {
    switch self {
    case .embedding: "embedding"
    case .mixers(let type): type.rawValue
    case .feedForward: "feed-forward"
    case .norms: "norms"
    case .head: "head"
    }
  }
}

extension ParameterDescription {
  package var part: ParameterPart {
    switch role {
    case .embedding: .embedding
    case .mixerInput, .mixerOutput, .initialState: .mixers(layerType ?? .retention)
    case .feedForward: .feedForward
    case .norm, .residualScale: .norms
    case .head: .head
    }
  }
}
