/// Where products pack their operands: one for all workers, parts of the other for each worker of its own.
///
/// Made once with the pool. Its pages take up room only once they are touched: 16 MiB for what all workers share where
/// that is so large, and 512 KiB for each worker.
struct PackingMemory: Sendable {
  /// The longest part of the inner extent that is packed at once.
  static let inner = 2048
  /// Numbers that are packed at once for all workers.
  private static let capacity = 2048 * 4096
  /// Bytes of the room that the workers share.
  static let columnByteCount = capacity * 2
  /// The most rows of a tile.
  static let rows = 128
  /// Rows and columns that a product inside a task packs at once, for a block of the inner extent: all of a worker's own
  /// memory, 128 · 512 + 384 · 512 numbers.
  static let taskRows = rows
  static let taskColumns = inner * rows / BFloat16Product.innerBlock - taskRows

  private let shared: Storage
  private let own: Storage

  init(workers: Int) {
    // A Float32 has the room of two bfloat16 numbers.
    shared = Storage(count: Self.capacity / 2)
    own = Storage(count: workers * Self.inner * Self.rows / 2)
  }

  /// Bytes that are touched when the largest second operand has so many numbers, two bytes each.
  static func byteCount(largestOperand: Double, workers: Int) -> Double {
    2 * (min(Double(capacity), largestOperand) + Double(workers * inner * rows))
  }

  /// How many lanes may be packed at once for all workers: 4,096, or more where the inner extent is short.
  static func laneLimit(inner: Int) -> Int {
    // Numbers are packed in pairs, and columns by 64 (BFloat16Product).
    capacity / min(max((inner + 1) / 2 * 2, 256), Self.inner) / 64 * 64
  }

  /// Lanes come in sixteens.
  static func padded(_ lanes: Int) -> Int { (lanes + 15) / 16 * 16 }

  /// Where packed lanes have one of them, in a block of the inner extent.
  ///
  /// - Parameters:
  ///   - lane: A multiple of a panel's width.
  ///   - lanes: How many are packed.
  ///   - block: A part of `inner`; its length is even, but for the last of all.
  ///   - inner: The part of the inner extent that is packed.
  /// - Returns: Numbers from the start of the room.
  static func offset(of lane: Int, among lanes: Int, _ block: Range<Int>, in inner: Range<Int>) -> Int {
    (block.lowerBound - inner.lowerBound) * padded(lanes) + lane * ((block.count + 1) / 2 * 2)
  }

  /// The room that all workers share.
  var sharedRoom: UnsafeMutablePointer<UInt16> {
    unsafe UnsafeMutableRawPointer(shared.base).assumingMemoryBound(to: UInt16.self)
  }

  /// The shared room as a matrix of Float32 numbers.
  func floats(rows: Int, columns: Int) -> Matrix {
    Matrix(shared, offset: 0, rows: rows, columns: columns, stride: columns)
  }

  /// A worker's own room as a matrix of Float32 numbers, behind some numbers of bfloat16.
  func floats(of worker: Int, rows: Int, columns: Int, after count: Int) -> Matrix {
    Matrix(
      own, offset: (worker * Self.inner * Self.rows + count) / 2, rows: rows, columns: columns, stride: columns)
  }

  /// A worker's own room.
  func ownRoom(of worker: Int) -> UnsafeMutablePointer<UInt16> {
    unsafe UnsafeMutableRawPointer(own.base).assumingMemoryBound(to: UInt16.self) + worker * Self.inner * Self.rows
  }
}
