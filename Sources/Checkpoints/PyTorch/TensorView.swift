/// A strided view of a storage, as PyTorch stores tensors; not always in row-major order.
struct TensorView: Hashable {
  /// The byte range of the storage in the file.
  let storage: Range<Int>
  let dataType: DataType
  /// The position of the first element in the storage, in elements.
  let offset: Int
  /// The sizes, outermost first.
  let shape: [Int]
  /// For each size, the stride in elements; 0 repeats an element, and is stored where no step is made.
  let strides: [Int]
  /// The total size of the elements in bytes.
  let byteCount: Int

  /// PyTorch's own limit for the number of dimensions.
  static let rankLimit = 64
  /// The size limit in bytes of a view that repeats elements: a few bytes of a file could otherwise claim any size.
  static let repeatedByteLimit = 1 << 27

  /// Checks that every element lies in the storage.
  ///
  /// - Parameters:
  ///   - path: The path to name in errors.
  ///   - name: The tensor to name in errors.
  ///   - storage: A byte range of the file that holds whole elements.
  ///   - dataType: A type of whole bytes.
  ///   - offset: In elements.
  ///   - shape: The sizes.
  ///   - strides: In elements.
  /// - Throws: `CheckpointError.tensor`.
  init(
    path: String, name: String, storage: Range<Int>, dataType: DataType, offset: Int, shape: [Int], strides: [Int]
  ) throws(CheckpointError) {
    func failure(_ expected: String, _ found: String) -> CheckpointError {
      .tensor(path: path, name: name, expected: expected, found: found)
    }
    guard shape.count == strides.count, shape.count <= Self.rankLimit else {
      throw failure("a stride for each of at most \(Self.rankLimit) sizes", "\(strides.count) for \(shape.count)")
    }
    guard offset >= 0, strides.allSatisfy({ $0 >= 0 }), let byteCount = dataType.byteCount(ofShape: shape) else {
      throw failure("an offset, sizes and strides from 0, less than 2^63 bits", "\(offset), \(shape), \(strides)")
    }
    let capacity = storage.count * 8 / dataType.bitCount
    if byteCount > 0 {
      var last = offset
      var isBounded = true
      for (size, stride) in zip(shape, strides) {
        let (distance, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
        let (sum, carry) = last.addingReportingOverflow(distance)
        isBounded = isBounded && !overflow && !carry
        last = sum
      }
      guard isBounded, last < capacity else {
        throw failure("elements within a storage of \(capacity)", "sizes \(shape), strides \(strides), from \(offset)")
      }
    }
    guard byteCount <= max(storage.count, Self.repeatedByteLimit) else {
      throw failure("at most \(Self.repeatedByteLimit) bytes of repeated elements", "\(byteCount)")
    }
    self.storage = storage
    self.dataType = dataType
    self.offset = offset
    self.shape = shape
    // The stride of a step that is never made is not checked above and may be any number.
    self.strides = zip(shape, strides).map { size, stride in size > 1 && byteCount > 0 ? stride : 0 }
    self.byteCount = byteCount
  }

  /// The byte range of the elements, if they are in row-major order without gaps.
  var contiguousRange: Range<Int>? {
    guard byteCount > 0 else { return storage.lowerBound..<storage.lowerBound }
    var step = 1
    for (size, stride) in zip(shape, strides).reversed() where size > 1 {
      if stride != step { return nil }
      step *= size
    }
    let start = storage.lowerBound + offset * (dataType.bitCount / 8)
    return start..<start + byteCount
  }

  /// Copies the elements in row-major order.
  ///
  /// - Parameter bytes: The bytes of the storage.
  /// - Returns: `byteCount` bytes.
  func gathered(from bytes: Span<UInt8>) -> [UInt8] {
    let width = dataType.bitCount / 8
    var gathered: [UInt8] = []
    gathered.reserveCapacity(byteCount)
    var index = [Int](repeating: 0, count: shape.count)
    var place = offset * width
    while gathered.count < byteCount {
      for byte in place..<place + width { gathered.append(bytes[byte]) }
      // The last index moves first; when it wraps around, the one before it moves.
      for axis in shape.indices.reversed() {
        index[axis] += 1
        place += strides[axis] * width
        if index[axis] < shape[axis] { break }
        index[axis] = 0
        place -= strides[axis] * shape[axis] * width
      }
    }
    return gathered
  }
}
