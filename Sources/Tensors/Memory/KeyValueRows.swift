internal import CKernels

/// The format of the numbers in a key/value cache.
package enum CacheFormat: String, CaseIterable, Sendable {
  case float32 = "f32"
  case bfloat16 = "bf16"

  /// Bytes of a number.
  package var byteCount: Int { self == .float32 ? 4 : 2 }
}

/// A block of rows of keys and values, one of each for every token and head, in Float32 or bfloat16.
///
/// The rows of a head follow each other, [Hk, capacity, K], so that a query reads its keys in the order of memory.
///
/// `@unchecked Sendable` for the same reason as `Storage`: operations write disjoint places and join.
@safe package final class KeyValueRows: @unchecked Sendable {
  package let format: CacheFormat
  /// Hk.
  package let heads: Int
  /// K.
  package let headWidth: Int
  /// The most tokens.
  package let capacity: Int
  private let storage: Storage

  /// - Parameters:
  ///   - capacity: The most tokens.
  ///   - heads: Hk.
  ///   - headWidth: K.
  ///   - format: The format of the numbers.
  package init(capacity: Int, heads: Int, headWidth: Int, format: CacheFormat) {
    (self.capacity, self.heads, self.headWidth, self.format) = (capacity, heads, headWidth, format)
    storage = Storage(count: (2 * capacity * heads * headWidth * format.byteCount + 3) / 4)
  }

  package var byteCount: Int { 4 * storage.count }

  /// Stores rows of keys and values from token `start` on.
  ///
  /// - Parameters:
  ///   - keys: [T, Hk·K].
  ///   - values: [T, Hk·K].
  ///   - start: The first row to write.
  package func write(_ keys: Matrix, _ values: Matrix, at start: Int) {
    precondition(
      start >= 0 && start + keys.rows <= capacity && keys.columns == heads * headWidth && values.rows == keys.rows
        && values.columns == keys.columns,
      "KeyValueRows: \(keys.rows) rows of \(keys.columns) at \(start) of \(capacity)")
    for (part, source) in [keys, values].enumerated() {
      for row in 0..<source.rows {
        for head in 0..<heads {
          let from = unsafe source.pointer + row * source.stride + head * headWidth
          let to = offset(part, head, start + row)
          switch format {
          case .float32: unsafe (floats + to).update(from: from, count: headWidth)
          case .bfloat16: unsafe rn_f32_to_bf16(halves + to, from, Int64(headWidth))
          }
        }
      }
    }
  }

  /// Copies some rows of another block of the same extents and format to the first rows.
  package func copy(_ other: KeyValueRows, rows: Range<Int>) {
    precondition(
      other.heads == heads && other.headWidth == headWidth && other.format == format
        && rows.upperBound <= other.capacity && rows.count <= capacity,
      "KeyValueRows: \(rows) of \(other.capacity) into \(capacity)")
    let count = rows.count * headWidth
    for part in 0..<2 {
      for head in 0..<heads {
        let (to, from) = (offset(part, head, 0), other.offset(part, head, rows.lowerBound))
        switch format {
        case .float32: unsafe (floats + to).update(from: other.floats + from, count: count)
        case .bfloat16: unsafe (halves + to).update(from: other.halves + from, count: count)
        }
      }
    }
  }

  /// The keys, then the values, of the first rows as Float32, head after head.
  package func numbers(rows: Int) -> [Float] {
    let wide = Matrix(Tensor(Shape(max(1, rows), headWidth)))
    return (0..<2 * heads).flatMap { index in
      let part = numbers(0..<rows, part: index / heads, head: index % heads, scratch: wide)
      return unsafe [Float](UnsafeBufferPointer(start: part.pointer, count: rows * headWidth))
    }
  }

  /// Some rows of a head's keys as Float32.
  ///
  /// - Parameters:
  ///   - rows: The rows.
  ///   - head: The key/value head.
  ///   - scratch: Room for as many rows of K numbers.
  /// - Returns: A view, or numbers that were widened into `scratch`.
  package func keys(_ rows: Range<Int>, head: Int, scratch: Matrix) -> Matrix {
    numbers(rows, part: 0, head: head, scratch: scratch)
  }

  /// The same of the values.
  package func values(_ rows: Range<Int>, head: Int, scratch: Matrix) -> Matrix {
    numbers(rows, part: 1, head: head, scratch: scratch)
  }

  private func numbers(_ rows: Range<Int>, part: Int, head: Int, scratch: Matrix) -> Matrix {
    precondition(rows.upperBound <= capacity && head < heads, "KeyValueRows: \(rows) of head \(head)")
    let start = offset(part, head, rows.lowerBound)
    if format == .float32 {
      return Matrix(storage, offset: start, rows: rows.count, columns: headWidth, stride: headWidth)
    }
    let target = scratch.block(rows: 0..<rows.count, columns: 0..<headWidth)
    precondition(target.isDense, "KeyValueRows: scratch with gaps")
    unsafe rn_bf16_to_f32(target.pointer, halves + start, Int64(rows.count * headWidth))
    return target
  }

  /// o = softmax(q kᵀ) v of the query heads that share a key/value head, on the calling thread.
  ///
  /// - Parameters:
  ///   - o: One row of the queries' outputs.
  ///   - q: One row of queries, each K wide.
  ///   - tokens: The keys that they see.
  ///   - head: The key/value head.
  package func attend(_ o: Matrix, _ q: Matrix, tokens: Range<Int>, head: Int) {
    let queries = q.columns / headWidth
    precondition(
      o.rows == 1 && q.rows == 1 && o.columns == q.columns && q.columns == queries * headWidth
        && !tokens.isEmpty && tokens.upperBound <= capacity && head < heads,
      "attend: q [\(q.rows), \(q.columns)], \(tokens) of \(capacity), head \(head)")
    let (keys, values) = (offset(0, head, 0), offset(1, head, 0))
    let (first, count) = (Int64(tokens.lowerBound), Int64(tokens.upperBound))
    switch format {
    case .float32:
      unsafe rn_attend(
        o.pointer, q.pointer, floats + keys, floats + values, first, count, Int64(queries), Int64(headWidth))
    case .bfloat16:
      unsafe rn_attend_bf16(
        o.pointer, q.pointer, halves + keys, halves + values, first, count, Int64(queries), Int64(headWidth))
    }
  }

  /// The place of a row: of the keys (part 0) or the values (1) of a head.
  private func offset(_ part: Int, _ head: Int, _ row: Int) -> Int {
    ((part * heads + head) * capacity + row) * headWidth
  }

  private var floats: UnsafeMutablePointer<Float> { unsafe storage.base }
  private var halves: UnsafeMutablePointer<UInt16> {
    unsafe UnsafeMutableRawPointer(storage.base).assumingMemoryBound(to: UInt16.self)
  }
}
