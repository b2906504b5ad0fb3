internal import Tensors

/// The extents of a retention: B sequences of T tokens, H heads of key width K and value width V.
package struct RetentionShape: Sendable, Equatable {
  package var batch: Int
  package var time: Int
  package var heads: Int
  /// Key/value heads, a divisor of `heads`: query head h reads key/value head h / (heads / keyHeads).
  package var keyHeads: Int
  package var keyWidth: Int
  package var valueWidth: Int

  package init(batch: Int, time: Int, heads: Int, keyHeads: Int? = nil, keyWidth: Int, valueWidth: Int) {
    self.batch = batch
    self.time = time
    self.heads = heads
    self.keyHeads = keyHeads ?? heads
    self.keyWidth = keyWidth
    self.valueWidth = valueWidth
    precondition(heads % self.keyHeads == 0, "RetentionShape: \(heads) heads, \(self.keyHeads) key/value heads")
  }

  /// Query heads that share one key/value head.
  package var group: Int { heads / keyHeads }

  /// The rows `times` of sequence `b` and the columns of query head `h`, in q, or in o with `width` V.
  func queryBlock(_ x: Matrix, _ b: Int, _ h: Int, _ times: Range<Int>, width: Int) -> Matrix {
    x.block(
      rows: b * time + times.lowerBound..<b * time + times.upperBound, columns: h * width..<(h + 1) * width)
  }

  /// The same for the key/value head that query head `h` reads, in k, or in v with `width` V.
  func keyBlock(_ x: Matrix, _ b: Int, _ h: Int, _ times: Range<Int>, width: Int) -> Matrix {
    queryBlock(x, b, h / group, times, width: width)
  }

  func check(_ o: Matrix, _ q: Matrix, _ k: Matrix, _ v: Matrix, in operation: StaticString) {
    let rows = batch * time
    precondition(
      q.rows == rows && q.columns == heads * keyWidth && k.rows == rows && k.columns == keyHeads * keyWidth
        && v.rows == rows && v.columns == keyHeads * valueWidth && o.rows == rows && o.columns == heads * valueWidth,
      "\(operation): q [\(q.rows), \(q.columns)], k [\(k.rows), \(k.columns)], v [\(v.rows), \(v.columns)], "
        + "o [\(o.rows), \(o.columns)] for \(self)")
  }
}
