/// The name, element type and shape of one tensor in a checkpoint.
package struct TensorDescription: Equatable, Sendable {
  /// The name, unique in its file.
  package let name: String
  /// The element type.
  package let dataType: DataType
  /// The sizes, outermost first; `[]` is a single number.
  package let shape: [Int]
  /// The length of the data in bytes.
  package let byteCount: Int

  /// Describes a tensor to be written.
  ///
  /// - Parameters:
  ///   - name: Unique in its file.
  ///   - dataType: The element type.
  ///   - shape: The sizes, ≥ 0, outermost first.
  /// - Precondition: `dataType.byteCount(ofShape: shape)` is not nil.
  package init(name: String, dataType: DataType, shape: [Int]) {
    guard let byteCount = dataType.byteCount(ofShape: shape) else {
      preconditionFailure("tensor '\(name)': no byte count for \(dataType.rawValue) \(shape)")
    }
    self.init(name: name, dataType: dataType, shape: shape, byteCount: byteCount)
  }

  init(name: String, dataType: DataType, shape: [Int], byteCount: Int) {
    self.name = name
    self.dataType = dataType
    self.shape = shape
    self.byteCount = byteCount
  }
}
