internal import Tensors

/// The layout of a gradient buffer if some weights are not trained.
///
/// A product gives the gradient of a whole place, so a place is present as a whole or not at all. Norms and biases are
/// always present, because they are small.
struct GradientLayout {
  private(set) var count = 0
  /// The offset of each present place, by its offset in the buffer of the weights.
  private(set) var offsets: [Int: Int] = [:]
  /// The weights of all present places.
  private(set) var descriptions: [ParameterDescription] = []
  /// The lowest block that the backward must reach: 0 if the embedding is trained, the number of blocks if only weights
  /// behind the blocks are.
  private(set) var lowestBlock: Int

  /// - Parameters:
  ///   - layout: The layout of the weights.
  ///   - isTrained: Whether a weight is trained.
  init(_ layout: ParameterLayout, _ isTrained: (ParameterDescription) -> Bool) {
    lowestBlock = layout.tensors.layers.count
    var left = layout.descriptions[...]
    for place in layout.places {
      let weights = left.prefix { $0.offset < place.offset + place.shape.count }
      left = left.dropFirst(weights.count)
      let isWanted = weights.contains(where: isTrained)
      if isWanted, let depth = weights.first?.depth { lowestBlock = min(lowestBlock, depth) }
      guard isWanted || place.shape.rank == 1 else { continue }
      offsets[place.offset] = count
      for weight in weights {
        descriptions.append(weight.moved(to: count + weight.offset - place.offset))
      }
      count += place.shape.count
    }
  }
}
