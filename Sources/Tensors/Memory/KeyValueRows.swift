internal import CKernels

/// The format of the numbers in a key/value cache.
package enum CacheFormat: String, CaseIterable, Sendable {
  case float32 = "f32"
  case bfloat16 = "bf16"

  /// Bytes of a number.
  package var byteCount: Int { self == .float32 ? 4 : 2 }
}

/// A block of rows of keys and values, one of each for every token, in Float32 or bfloat16.
///
/// `@unchecked Sendable` for the same reason as `Storage`: operations write disjoint places and join.
@safe package final class KeyValueRows: @unchecked Sendable {
  package let format: CacheFormat
  /// Numbers of a row of keys, and of a row of values.
  package let width: Int
  package let capacity: Int
  private let storage: Storage

  /// - Parameters:
  ///   - capacity: The most tokens.
  ///   - width: Numbers of a row.
  ///   - format: The format of the numbers.
  package init(capacity: Int, width: Int, format: CacheFormat) {
    (self.capacity, self.width, self.format) = (capacity, width, format)
    storage = Storage(count: (2 * capacity * width * format.byteCount + 3) / 4)
  }

  package var byteCount: Int { 4 * storage.count }

  /// Stores rows of keys and values from row `start` on.
  ///
  /// - Parameters:
  ///   - keys: [T, width].
  ///   - values: [T, width].
  ///   - start: The first row to write.
  package func write(_ keys: Matrix, _ values: Matrix, at start: Int) {
    precondition(
      start >= 0 && start + keys.rows <= capacity && keys.columns == width && values.rows == keys.rows
        && values.columns == width, "KeyValueRows: \(keys.rows) rows of \(keys.columns) at \(start) of \(capacity)")
    for row in 0..<keys.rows {
      let (key, value) = unsafe (keys.pointer + row * keys.stride, values.pointer + row * values.stride)
      switch format {
      case .float32:
        unsafe (self.keys + (start + row) * width).update(from: key, count: width)
        unsafe (self.values + (start + row) * width).update(from: value, count: width)
      case .bfloat16:
        unsafe rn_f32_to_bf16(halfKeys + (start + row) * width, key, Int64(width))
        unsafe rn_f32_to_bf16(halfValues + (start + row) * width, value, Int64(width))
      }
    }
  }

  /// Copies some rows of another block of the same width and format to the first rows.
  package func copy(_ other: KeyValueRows, rows: Range<Int>) {
    precondition(
      other.width == width && other.format == format && rows.upperBound <= other.capacity && rows.count <= capacity,
      "KeyValueRows: \(rows) of \(other.capacity) into \(capacity)")
    let (start, count) = (rows.lowerBound * width, rows.count * width)
    switch format {
    case .float32:
      unsafe keys.update(from: other.keys + start, count: count)
      unsafe values.update(from: other.values + start, count: count)
    case .bfloat16:
      unsafe halfKeys.update(from: other.halfKeys + start, count: count)
      unsafe halfValues.update(from: other.halfValues + start, count: count)
    }
  }

  /// The keys, then the values, of the first rows as Float32.
  package func numbers(rows: Int) -> [Float] {
    let wide = Tensor(Shape(max(1, rows), width))
    return [0, capacity].flatMap { first in
      let part = numbers(0..<rows, 0..<width, scratch: Matrix(wide), from: first)
      return (0..<rows).flatMap { row in
        unsafe [Float](UnsafeBufferPointer(start: part.pointer + row * part.stride, count: width))
      }
    }
  }

  /// Columns of some rows of the keys as Float32.
  ///
  /// - Parameters:
  ///   - rows: The rows.
  ///   - columns: The columns, those of a head.
  ///   - scratch: Room for as many rows and columns.
  /// - Returns: A view, or numbers that were widened into `scratch`.
  package func keys(_ rows: Range<Int>, _ columns: Range<Int>, scratch: Matrix) -> Matrix {
    numbers(rows, columns, scratch: scratch, from: 0)
  }

  /// The same of the values.
  package func values(_ rows: Range<Int>, _ columns: Range<Int>, scratch: Matrix) -> Matrix {
    numbers(rows, columns, scratch: scratch, from: capacity)
  }

  private func numbers(_ rows: Range<Int>, _ columns: Range<Int>, scratch: Matrix, from first: Int) -> Matrix {
    precondition(rows.upperBound <= capacity && columns.upperBound <= width, "KeyValueRows: \(rows), \(columns)")
    let start = (first + rows.lowerBound) * width + columns.lowerBound
    if format == .float32 {
      return Matrix(storage, offset: start, rows: rows.count, columns: columns.count, stride: width)
    }
    let target = scratch.block(rows: 0..<rows.count, columns: 0..<columns.count)
    for row in 0..<rows.count {
      unsafe rn_bf16_to_f32(
        target.pointer + row * target.stride, halfKeys + start + row * width, Int64(columns.count))
    }
    return target
  }

  /// o = softmax(q kᵀ) v of some heads of queries that share the keys and values of some columns, on the calling thread.
  ///
  /// - Parameters:
  ///   - o: One row of the queries' outputs.
  ///   - q: One row of queries, each as wide as `columns`.
  ///   - tokens: The keys that they see.
  ///   - columns: The columns of the key/value head.
  package func attend(_ o: Matrix, _ q: Matrix, tokens: Range<Int>, columns: Range<Int>) {
    let queries = q.columns / columns.count
    precondition(
      o.rows == 1 && q.rows == 1 && o.columns == q.columns && q.columns == queries * columns.count
        && !tokens.isEmpty && tokens.upperBound <= capacity && columns.upperBound <= width,
      "attend: q [\(q.rows), \(q.columns)], \(tokens), \(columns) of [\(capacity), \(width)]")
    let (first, count) = (Int64(tokens.lowerBound), Int64(tokens.upperBound))
    let (heads, headWidth, stride) = (Int64(queries), Int64(columns.count), Int64(width))
    switch format {
    case .float32:
      unsafe rn_attend(
        o.pointer, q.pointer, keys + columns.lowerBound, values + columns.lowerBound, first, count, heads, headWidth,
        stride)
    case .bfloat16:
      unsafe rn_attend_bf16(
        o.pointer, q.pointer, halfKeys + columns.lowerBound, halfValues + columns.lowerBound, first, count, heads,
        headWidth, stride)
    }
  }

  private var keys: UnsafeMutablePointer<Float> { unsafe storage.base }
  private var values: UnsafeMutablePointer<Float> { unsafe storage.base + capacity * width }
  private var halfKeys: UnsafeMutablePointer<UInt16> {
    unsafe UnsafeMutableRawPointer(storage.base).assumingMemoryBound(to: UInt16.self)
  }
  private var halfValues: UnsafeMutablePointer<UInt16> { unsafe halfKeys + capacity * width }
}
