package import Tensors

/// Named tensors, one after the other in a buffer of their own.
package struct NamedTensors: Sendable {
  package let flat: Tensor
  package let descriptions: [ParameterDescription]

  /// Tensors of zeros.
  ///
  /// - Parameter likes: Names and shapes; the offsets are not used.
  package init(_ likes: [ParameterDescription]) {
    var count = 0
    descriptions = likes.map { like in
      defer { count += like.shape.count }
      return like.moved(to: count)
    }
    flat = Tensor(Shape(count))
  }

  /// The tensor of an entry of `descriptions`.
  package func tensor(_ description: ParameterDescription) -> Tensor {
    flat.view(description.shape, at: description.offset)
  }

  /// All tensors, in the order of `descriptions`.
  package var tensors: [Tensor] { descriptions.map(tensor) }
}
