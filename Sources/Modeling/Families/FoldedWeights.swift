internal import Configurations
internal import Glibc
internal import Tensors

/// The weights of a model in the conventions of another program: changes that keep the function the same are applied to
/// each weight as it is read.
///
/// Each change leaves the configuration that belongs to the changed weights.
struct FoldedWeights {
  /// Resolved.
  private(set) var configuration: ModelConfiguration
  /// What was changed, one sentence each.
  private(set) var changes: [String] = []
  /// Names of weights whose numbers are no longer those of the model, but products of them.
  private(set) var multiplied: Set<String> = []
  private var read: (String) throws -> Tensor

  init(_ weights: WeightReader) {
    configuration = weights.configuration
    let descriptions = Dictionary(uniqueKeysWithValues: weights.descriptions.map { ($0.name, $0) })
    read = { name in
      guard let weight = descriptions[name] else { preconditionFailure("FoldedWeights: no weight \(name)") }
      return try weights.tensor(weight)
    }
  }

  /// The changed weights.
  var reader: WeightReader { WeightReader(configuration) { [read] in try read($0.name) } }

  /// Replaces the weights with some endings, such as `ret.q.weight`, by a function of them.
  private mutating func change(_ endings: [String], _ function: @escaping (String, Tensor) throws -> Tensor) {
    read = { [read] name in
      let tensor = try read(name)
      return endings.contains { name == $0 || name.hasSuffix("." + $0) } ? try function(name, tensor) : tensor
    }
  }

  private mutating func noteMultiplied(_ endings: [String]) {
    for weight in Parameters.descriptions(configuration)
    where endings.contains(where: { weight.name == $0 || weight.name.hasSuffix("." + $0) }) {
      multiplied.insert(weight.name)
    }
  }
}

// MARK: - Exact changes

extension FoldedWeights {
  /// Orders the rows of queries and keys for another layout of rotated pairs.
  mutating func setRotationLayout(_ layout: RotationLayout) {
    guard configuration.rotationLayout != layout else { return }
    let keyWidth = configuration.keyWidth / configuration.heads
    // Pair j is at 2j and 2j + 1, or at j and j + K/2.
    let sources = (0..<keyWidth).map { row in
      layout == .halfSplit ? 2 * row % keyWidth + 2 * row / keyWidth : row / 2 + row % 2 * keyWidth / 2
    }
    change(["ret.q.weight", "ret.k.weight", "ret.q.bias", "ret.k.bias"]) { _, tensor in
      tensor.withRows { $0 / keyWidth * keyWidth + sources[$0 % keyWidth] }
    }
    configuration.rotationLayout = layout
    changes.append(
      "rows of q and k are reordered: pairs are \(layout == .halfSplit ? "half a head apart" : "adjacent")")
  }

  /// Repeats keys and values, so that each head has its own.
  mutating func repeatKeyHeads() {
    let (heads, keyHeads) = (configuration.heads, configuration.keyHeads)
    guard keyHeads != heads else { return }
    change(["ret.k.weight", "ret.v.weight", "ret.k.bias", "ret.v.bias"]) { _, tensor in
      let width = tensor.shape[0] / keyHeads
      return tensor.withRows(count: heads * width) { $0 / width / (heads / keyHeads) * width + $0 % width }
    }
    configuration.keyHeads = heads
    changes.append("keys and values of \(keyHeads) heads are repeated for \(heads)")
  }

  /// Adds a head norm weight of ones, shared by the heads, where there is none.
  mutating func addHeadNormWeight() {
    guard configuration.headNormWeight == .none else { return }
    let width = configuration.valueWidth / configuration.heads
    read = { [read] name in
      guard name.hasSuffix(".ret.head_norm.weight") else { return try read(name) }
      return Tensor(Shape(width), [Float](repeating: 1, count: width))
    }
    configuration.headNormWeight = .shared
  }
}

// MARK: - Changes that round once

extension FoldedWeights {
  /// Multiplies the head norm's weight into the output matrix. Between them is only a product element by element.
  mutating func foldHeadNormWeight() {
    guard configuration.headNormWeight != .none, !configuration.hasHeadNormBias else { return }
    change(["ret.o.weight"]) { [read] name, tensor in
      let norm = try read(name.replacing(".ret.o.weight", with: ".ret.head_norm.weight")).values
      return tensor.mapped { $1 * norm[$0 % tensor.shape[1] % norm.count] }
    }
    configuration.headNormWeight = .none
    noteMultiplied(["ret.o.weight"])
    changes.append("the weight of the head norm is multiplied into the output matrix")
  }

  /// Multiplies the embedding scale, or a part of it, into the table. A tied head undoes it in the final norm.
  ///
  /// - Parameter scale: The scale that is left.
  /// - Returns: Whether it is possible: a tied head needs a final norm.
  mutating func foldEmbeddingScale(to scale: Double) -> Bool {
    guard configuration.embeddingScale != scale else { return true }
    guard !configuration.isHeadTied || configuration.hasFinalNorm else { return false }
    let factor = configuration.embeddingScale / scale
    change(["embed.weight"]) { _, tensor in tensor.mapped { Float(Double($1) * factor) } }
    noteMultiplied(["embed.weight"])
    changes.append("the embedding scale \(configuration.embeddingScale) is multiplied into the table")
    if configuration.isHeadTied {
      change(["final_norm.weight", "final_norm.bias"]) { _, tensor in tensor.mapped { Float(Double($1) / factor) } }
      noteMultiplied(["final_norm.weight", "final_norm.bias"])
      changes.append("the final norm is divided by it, because the head is the same table")
    }
    configuration.embeddingScale = scale
    return true
  }
}

extension Tensor {
  /// A copy whose row `i` is row `source(i)` of this tensor; rows of a vector are its elements.
  fileprivate func withRows(count rows: Int? = nil, _ source: (Int) -> Int) -> Tensor {
    let (rows, width) = (rows ?? shape[0], count / shape[0])
    let copy = Tensor(shape.rank == 2 ? Shape(rows, width) : Shape(rows))
    for row in 0..<rows {
      copyHere(copy.view(Shape(width), at: row * width), view(Shape(width), at: source(row) * width))
    }
    return copy
  }

  /// A copy with each number, and its index, replaced by a function of them.
  fileprivate func mapped(_ function: (Int, Float) -> Float) -> Tensor {
    let copy = Tensor(shape)
    for index in 0..<count { copy[index] = function(index, self[index]) }
    return copy
  }
}
