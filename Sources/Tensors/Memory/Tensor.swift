/// A view of Float32 numbers in a `Storage`, in row-major order, with a shape.
///
/// Copying a tensor copies the view, not the numbers. Two tensors may refer to the same storage, such as a weight and
/// its place in the flat parameter buffer. Operations take the tensors that they write first.
package struct Tensor: Sendable {
  package let storage: Storage
  package let offset: Int
  package let shape: Shape

  /// A new tensor of zeros.
  package init(_ shape: Shape) {
    self.init(storage: Storage(count: shape.count), offset: 0, shape: shape)
  }

  /// A new tensor with the given numbers in row-major order.
  ///
  /// - Precondition: As many values as the shape has elements.
  package init(_ shape: Shape, _ values: [Float]) {
    self.init(shape)
    precondition(values.count == shape.count, "Tensor: \(values.count) values for \(shape)")
    unsafe values.withUnsafeBufferPointer { source in
      if let from = source.baseAddress { unsafe pointer.update(from: from, count: source.count) }
    }
  }

  /// A tensor whose numbers stay in a mapped file. They must not be written.
  ///
  /// - Precondition: As many bytes as the shape needs, aligned to four.
  package init(_ shape: Shape, readingFrom bytes: WeightBytes) {
    precondition(bytes.count == 4 * shape.count, "Tensor: \(bytes.count) bytes for \(shape)")
    self.init(storage: Storage(borrowing: bytes), offset: 0, shape: shape)
  }

  init(storage: Storage, offset: Int, shape: Shape) {
    precondition(
      offset >= 0 && offset + shape.count <= storage.count, "Tensor: \(shape) at \(offset) leaves its storage")
    self.storage = storage
    self.offset = offset
    self.shape = shape
  }

  package var count: Int { shape.count }

  /// A copy of the numbers.
  package var values: [Float] {
    unsafe [Float](UnsafeBufferPointer(start: pointer, count: count))
  }

  /// The same numbers with another shape, from `offset` numbers into this tensor.
  package func view(_ shape: Shape, at offset: Int = 0) -> Tensor {
    precondition(offset >= 0 && offset + shape.count <= count, "view: \(shape) at \(offset) of \(self.shape)")
    return Tensor(storage: storage, offset: self.offset + offset, shape: shape)
  }

  /// A view of the first `rows` entries along the first axis, for calls shorter than the memory planned for them.
  package func prefix(_ rows: Int) -> Tensor {
    switch shape.rank {
    case 1: view(Shape(rows))
    case 2: view(Shape(rows, shape[1]))
    case 3: view(Shape(rows, shape[1], shape[2]))
    default: view(Shape(rows, shape[1], shape[2], shape[3]))
    }
  }

  /// A single number, for tests and set-up, not for arithmetic.
  package subscript(_ index: Int) -> Float {
    get {
      precondition(index >= 0 && index < count, "Tensor: index \(index) of \(shape)")
      return unsafe pointer[index]
    }
    nonmutating set {
      precondition(index >= 0 && index < count, "Tensor: index \(index) of \(shape)")
      unsafe pointer[index] = newValue
    }
  }

  /// Passes the numbers to the body as a mutable span.
  package func withMutableSpan<Result, Failure: Error>(
    _ body: (inout MutableSpan<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let buffer = unsafe UnsafeMutableBufferPointer(start: pointer, count: count)
    var span = unsafe buffer.mutableSpan
    return try body(&span)
  }

  /// Passes the bytes of the numbers to the body.
  package func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let buffer = unsafe UnsafeRawBufferPointer(start: pointer, count: count * MemoryLayout<Float>.stride)
    return try body(unsafe buffer.bytes)
  }

  @inline(__always)
  var pointer: UnsafeMutablePointer<Float> { unsafe storage.base + offset }
}
