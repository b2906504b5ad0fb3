/// Memory in which products pack their operands: a room that all workers share, and one for each worker.
///
/// It is made once with the pool. Pages take up memory only when they are touched: at most 16 MiB for the shared room
/// and 512 KiB for each worker.
struct PackingMemory: Sendable {
  /// The longest part of the inner extent that is packed at once.
  static let inner = 2048
  /// Numbers that fit the shared room.
  private static let capacity = 2048 * 4096
  /// Bytes of the shared room.
  static let columnByteCount = capacity * 2
  /// The most rows of a tile.
  static let rows = 128
  /// Rows and columns that a product inside a task packs at once, for one block of the inner extent. Together they fill
  /// the worker's room: 128 · 512 + 384 · 512 numbers.
  static let taskRows = rows
  static let taskColumns = inner * rows / BFloat16Product.innerBlock - taskRows

  private let shared: Storage
  private let own: Storage

  init(workers: Int) {
    // A Float32 takes the room of two bfloat16 numbers.
    shared = Storage(count: Self.capacity / 2)
    own = Storage(count: workers * Self.inner * Self.rows / 2)
  }

  /// Bytes that are touched if the largest second operand has this many numbers, two bytes each.
  static func byteCount(largestOperand: Double, workers: Int) -> Double {
    2 * (min(Double(capacity), largestOperand) + Double(workers * inner * rows))
  }

  /// Number of lanes that fit the shared room: 4,096, or more if the inner extent is short.
  static func laneLimit(inner: Int) -> Int {
    // Numbers are packed in pairs, columns in groups of 64 (BFloat16Product).
    capacity / min(max((inner + 1) / 2 * 2, 256), Self.inner) / 64 * 64
  }

  /// The number of lanes, rounded up to a multiple of sixteen.
  static func padded(_ lanes: Int) -> Int { (lanes + 15) / 16 * 16 }

  /// The position of a lane's panel in a block of packed lanes.
  ///
  /// - Parameters:
  ///   - lane: A multiple of a panel's width.
  ///   - lanes: Number of packed lanes.
  ///   - block: A part of `inner`; its length is even, except for the last block.
  ///   - inner: The packed part of the inner extent.
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

  /// A part of a worker's room as a matrix of Float32 numbers, behind `count` bfloat16 numbers.
  func floats(of worker: Int, rows: Int, columns: Int, after count: Int) -> Matrix {
    Matrix(
      own, offset: (worker * Self.inner * Self.rows + count) / 2, rows: rows, columns: columns, stride: columns)
  }

  /// The room of one worker.
  func ownRoom(of worker: Int) -> UnsafeMutablePointer<UInt16> {
    unsafe UnsafeMutableRawPointer(own.base).assumingMemoryBound(to: UInt16.self) + worker * Self.inner * Self.rows
  }
}
