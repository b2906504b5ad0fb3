import Checkpoints

/// A safetensors file put together by hand, so that it can be wrong.
struct HandMadeFile {
  var bytes: [UInt8]

  /// - Parameters:
  ///   - header: The JSON text.
  ///   - data: What follows it.
  ///   - headerByteCount: The length that the file claims for its header; nil: the true one.
  init(_ header: String, data: [UInt8] = [], headerByteCount: UInt64? = nil) {
    self.init(header: Array(header.utf8), data: data, headerByteCount: headerByteCount)
  }

  init(header: [UInt8], data: [UInt8] = [], headerByteCount: UInt64? = nil) {
    let count = headerByteCount ?? UInt64(header.count)
    bytes = (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + header + data
  }

  /// One tensor `t` with these values, given as JSON.
  init(dtype: String = "\"U8\"", shape: String = "[4]", offsets: String = "[0,4]", byteCount: Int = 4) {
    self.init(
      #"{"t":{"dtype":\#(dtype),"shape":\#(shape),"data_offsets":\#(offsets)}}"#,
      data: [UInt8](repeating: 0, count: byteCount))
  }

  func load() throws(CheckpointError) -> SafetensorsHeader {
    try SafetensorsHeader(path: "m", fileByteCount: bytes.count) { Array(bytes[$0]) }
  }
}

extension CheckpointError {
  /// An error at a byte of the hand-made file's header text.
  static func text(_ position: Int, _ expected: String, _ found: String) -> CheckpointError {
    .header(path: "m", byte: 8 + position, expected: expected, found: found)
  }

  /// An error about the hand-made file's tensor `t`.
  static func t(_ expected: String, _ found: String) -> CheckpointError {
    .tensor(path: "m", name: "t", expected: expected, found: found)
  }
}
