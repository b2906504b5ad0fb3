package import Modeling

/// The groups of weights whose updates can be set apart.
package enum ParameterGroup: String, CaseIterable, Sendable {
  /// The matrices inside the blocks.
  case matrices
  /// The embedding, also where it is the output head.
  case embedding
  /// The output head, where it is a matrix of its own.
  case head
  /// Norm weights, biases and other vectors.
  case norms
}

extension ParameterDescription {
  /// The group of a weight; nil for the state that documents start from.
  package var group: ParameterGroup? {
    guard role != .initialState else { return nil }
    guard isMatrix else { return .norms }
    return role == .embedding ? .embedding : role == .head ? .head : .matrices
  }
}

/// What differs in one group of weights.
package struct GroupSettings: Equatable, Sendable {
  /// Factor of the learning rate.
  package var learningRate: Double
  /// Replaces `weight_decay` and `weight_decay_on`.
  package var weightDecay: Double?
  /// Replaces `beta1`.
  package var beta1: Double?
  /// Replaces `beta2`.
  package var beta2: Double?

  package init(
    learningRate: Double = 1, weightDecay: Double? = nil, beta1: Double? = nil, beta2: Double? = nil
  ) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
    self.beta1 = beta1
    self.beta2 = beta2
  }
}

/// The settings of all groups.
package struct ParameterGroups: Equatable, Sendable {
  package var matrices = GroupSettings()
  package var embedding = GroupSettings()
  package var head = GroupSettings()
  package var norms = GroupSettings()

  package subscript(_ group: ParameterGroup) -> GroupSettings {
    switch group {
    case .matrices: matrices
    case .embedding: embedding
    case .head: head
    case .norms: norms
    }
  }
}
