/// The bytes of a pickle, or of several one after another, read from a file block by block.
struct PickleSource {
  private let path: String
  private let range: Range<Int>
  private let copyBytes: (Range<Int>) -> [UInt8]
  // The bytes from the beginning of the range that were read so far.
  private var bytes: [UInt8] = []
  private static let blockByteCount = 1 << 16

  /// The number of bytes that were taken.
  private(set) var position = 0
  /// The position of the current instruction.
  private(set) var start = 0

  /// Prepares to read.
  ///
  /// - Parameters:
  ///   - path: The path to name in errors.
  ///   - range: A byte range of the file that holds the pickle, and maybe more.
  ///   - copyBytes: Reads a range of the file.
  init(path: String, range: Range<Int>, copyBytes: @escaping (Range<Int>) -> [UInt8]) {
    self.path = path
    self.range = range
    self.copyBytes = copyBytes
  }

  mutating func beginInstruction() { start = position }

  /// An error at the current instruction.
  func failure(_ expected: String, _ found: String) -> CheckpointError {
    .pickle(path: path, byte: start, expected: expected, found: found)
  }

  // Where bytes are taken, `bytes` may grow, so it is used only afterwards.
  mutating func readByte() throws(CheckpointError) -> UInt8 {
    let place = try take(1).lowerBound
    return bytes[place]
  }

  /// Reads an unsigned little-endian integer of 1 to 8 bytes.
  mutating func readNumber(_ byteCount: Int) throws(CheckpointError) -> UInt64 {
    let place = try take(UInt64(byteCount)).lowerBound
    return bytes.littleEndian(at: place, count: byteCount)
  }

  /// Reads bytes that follow their number.
  mutating func readBytes(lengthByteCount: Int) throws(CheckpointError) -> ArraySlice<UInt8> {
    let range = try take(try readNumber(lengthByteCount))
    return bytes[range]
  }

  /// Reads a line of text, without its end.
  mutating func readLine() throws(CheckpointError) -> String {
    let limit = HeaderReader.nameByteLimit
    load(to: min(range.count, position + limit + 1))
    let line = bytes[position...].prefix(limit + 1).prefix { $0 != UInt8(ascii: "\n") }
    guard line.count <= limit, line.endIndex < bytes.count, let text = String(validating: line, as: UTF8.self) else {
      throw failure("a line of at most \(limit) bytes of UTF-8", "another")
    }
    position = line.endIndex + 1
    return text
  }

  // Skips bytes and returns their range.
  private mutating func take(_ count: UInt64) throws(CheckpointError) -> Range<Int> {
    let rest = range.count - position
    guard count <= UInt64(rest) else { throw failure("\(count) bytes more", "\(rest)") }
    defer { position += Int(count) }
    load(to: position + Int(count))
    return position..<position + Int(count)
  }

  private mutating func load(to end: Int) {
    guard end > bytes.count else { return }
    let wanted = min(range.count, max(end, 2 * bytes.count, Self.blockByteCount))
    bytes += copyBytes(range.lowerBound + bytes.count..<range.lowerBound + wanted)
  }
}
