package import Tensors

/// The weights of a model, read one at a time, so that no more than one of them needs to be in memory.
package struct WeightReader {
  /// Resolved.
  package let configuration: ModelConfiguration
  private let read: (ParameterDescription) throws -> Tensor

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - read: Returns a weight of the configuration in Float32, with its shape.
  package init(_ configuration: ModelConfiguration, read: @escaping (ParameterDescription) throws -> Tensor) {
    self.configuration = configuration
    self.read = read
  }

  /// Weights that are in memory.
  package init(_ network: LanguageModel) {
    let parameters = network.parameters
    self.init(network.configuration) { parameters.tensor($0) }
  }

  package var descriptions: [ParameterDescription] { Parameters.descriptions(configuration) }

  /// A weight in Float32.
  package func tensor(_ weight: ParameterDescription) throws -> Tensor { try read(weight) }

  /// Reads all weights.
  package func loadParameters() throws -> Parameters {
    let parameters = Parameters(configuration)
    for weight in parameters.descriptions { copyHere(parameters.tensor(weight), try read(weight)) }
    return parameters
  }

  /// The first problem that prevents writing the weights; reads up to there.
  ///
  /// - Parameter storage: How each weight would be stored.
  /// - Returns: nil if every number is finite and fits into its format.
  /// - Throws: The errors of reading.
  package func firstProblem(_ storage: (ParameterDescription) -> StoredWeight) throws -> WeightProblem? {
    for weight in descriptions {
      let (numbers, stored) = (try read(weight), storage(weight))
      if let found = NotFiniteWeight(weight, numbers) { return .notFinite(found) }
      if !numbers.fits(stored) { return .notStorable(name: weight.name, stored) }
    }
    return nil
  }
}

/// Why a weight cannot be written.
package enum WeightProblem {
  case notFinite(NotFiniteWeight)
  /// A number exceeds the range of the format: Float16 overflows above 65,504, and so may the scale of a block.
  case notStorable(name: String, StoredWeight)
}

extension Tensor {
  fileprivate func fits(_ stored: StoredWeight) -> Bool {
    switch stored {
    case .numbers(.float16): largestMagnitude < 65_520
    case .numbers: true
    case .q8_0: isQuantizable(as: .q8_0)
    case .q4_0: isQuantizable(as: .q4_0)
    }
  }
}
