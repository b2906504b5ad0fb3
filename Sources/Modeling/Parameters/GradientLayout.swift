internal import Tensors

/// The places of a gradient's numbers where some weights are not trained.
///
/// A product gives the gradient of a whole place, so a place is there as a whole or not at all. Norms and biases, which are few,
/// are always there.
struct GradientLayout {
  private(set) var count = 0
  /// Where a place of the weights' buffer lies; none for one that is left out.
  private(set) var offsets: [Int: Int] = [:]
  /// Of all weights whose places are there.
  private(set) var descriptions: [ParameterDescription] = []
  /// The lowest block with a weight that is trained: 0 if the embedding is, all blocks if only the end is.
  private(set) var lowestBlock: Int

  /// - Parameters:
  ///   - layout: Of the weights.
  ///   - isTrained: Whether a weight is.
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
