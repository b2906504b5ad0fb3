/// The bytes of a file, a pipe or standard input in blocks, decompressed if they are compressed with gzip, zstd or xz.
///
/// The first bytes decide what is decompressed, never the name. Several gzip members, zstd frames or xz streams give one
/// text after the other. Memory is constant: two blocks and the decoder's window, at most 128 MiB for zstd and 256 MiB
/// for xz.
///
/// ```swift
/// let source = try ByteSource(path: "notes.txt.gz")
/// while let block = try source.next() { use(block) }
/// ```
package final class ByteSource {
  /// The name in messages.
  package let name: String
  /// How many bytes of the source as it is stored have been read.
  package private(set) var position = 0

  let reader: BlockReader
  /// Stored bytes that were read and not used yet.
  private var input: ArraySlice<UInt8> = []
  private var isInputAtEnd = false
  private var decompressor: (any Decompressor)?
  private var compression: FileKind?
  private var hasBegun = false
  private var output: [UInt8]
  /// Whether the decompressor may have more for the input that it got.
  private var isOutputFull = false
  /// Decompressed bytes that were looked at and not passed on yet.
  private var ahead: [UInt8] = []

  /// Opens the source; reads nothing yet.
  ///
  /// - Parameters:
  ///   - path: A path, or `-` for standard input.
  ///   - blockLength: Bytes to read and to decompress at a time, ≥ 1.
  ///   - stopsAtSignals: See `BlockReader`.
  /// - Throws: `FileError.missing`, `.notAFile` (a folder) or `.cannotRead`.
  package init(path: String, blockLength: Int = 1 << 16, stopsAtSignals: Bool = false) throws(FileError) {
    reader = try BlockReader(path: path, blockLength: blockLength, stopsAtSignals: stopsAtSignals)
    name = reader.name
    output = [UInt8](repeating: 0, count: blockLength)
  }

  /// The length of the source as it is stored, in bytes; nil for a pipe.
  package var byteCount: Int? { reader.byteCount }

  /// Waits until there is something to read, or the end. False if a signal came first, where signals are handled.
  package func waitForInput() -> Bool {
    if !ahead.isEmpty || !input.isEmpty || isInputAtEnd || isOutputFull { return true }
    return reader.waitForInput()
  }

  /// The next bytes; nil at the end.
  ///
  /// - Throws: `FileError.cannotRead`, also if the file became shorter; `.damagedArchive`; `.noMemory`; `.stopped`.
  package func next() throws(FileError) -> [UInt8]? {
    guard ahead.isEmpty else {
      defer { ahead = [] }
      return ahead
    }
    return try read()
  }

  /// The first bytes, which `next` returns all the same.
  ///
  /// - Parameter byteCount: How many to wait for; fewer only if the source is shorter.
  /// - Returns: At most this many bytes.
  /// - Throws: The errors of `next`.
  /// - Precondition: `next` was not called yet.
  package func beginning(byteCount: Int = FileKind.beginningByteCount) throws(FileError) -> [UInt8] {
    while ahead.count < byteCount, let block = try read() { ahead += block }
    return Array(ahead.prefix(byteCount))
  }

  /// Whether the source is stored as it is read.
  ///
  /// - Throws: The errors of `next`.
  func isPlain() throws(FileError) -> Bool {
    try begin()
    return decompressor == nil
  }

  private func read() throws(FileError) -> [UInt8]? {
    try begin()
    guard let decompressor else {
      try fillInput()
      guard !input.isEmpty else { return nil }
      defer { input = [] }
      position += input.count
      return Array(input)
    }
    while true {
      if !isOutputFull { try fillInput() }
      if input.isEmpty, isInputAtEnd, !isOutputFull, decompressor.isComplete { return nil }
      let (used, filled) = try step(decompressor)
      let isStuck = used == 0 && filled == 0 && !isOutputFull && (isInputAtEnd || !input.isEmpty)
      isOutputFull = filled == output.count
      if filled > 0 { return Array(output[..<filled]) }
      if isStuck, !decompressor.isComplete {
        throw damage("it ends too early")
      }
    }
  }

  private func step(_ decompressor: any Decompressor) throws(FileError) -> (used: Int, filled: Int) {
    do {
      let (used, filled) = try decompressor.decompress(
        input, isLast: isInputAtEnd, into: &output)
      input = input.dropFirst(used)
      position += used
      return (used, filled)
    } catch {
      position += error.used
      throw damage(error.reason)
    }
  }

  private func damage(_ reason: String) -> FileError {
    .damagedArchive(path: name, kind: compression ?? .other, offset: position, reason: reason)
  }

  /// Recognises the compression. A stream is asked for more only as long as its bytes begin like a compressed file.
  private func begin() throws(FileError) {
    guard !hasBegun else { return }
    hasBegun = true
    while FileKind.mayBeCompressed(input), !isInputAtEnd {
      if let block = try reader.next() { input += block } else { isInputAtEnd = true }
    }
    let kind = FileKind(beginning: Array(input.prefix(FileKind.beginningByteCount)))
    decompressor = try FileError.reading(name) { () throws(SystemError) -> (any Decompressor)?? in
      .some(try kind.decompressor())
    }
    compression = kind
  }

  private func fillInput() throws(FileError) {
    guard input.isEmpty, !isInputAtEnd else { return }
    if let block = try reader.next() {
      input = block[...]
      return
    }
    isInputAtEnd = true
    if let byteCount, position < byteCount { throw .cannotRead(path: name, reason: FileError.becameShorter) }
  }
}

extension ByteSource {
  /// Reads the rest.
  ///
  /// - Parameter byteLimit: The most bytes that are accepted, ≥ 0.
  /// - Returns: All bytes.
  /// - Throws: `FileError.tooLarge` and the errors of `next`.
  package func readAll(byteLimit: Int) throws(FileError) -> [UInt8] {
    var bytes: [UInt8] = []
    while let block = try next() {
      guard bytes.count + block.count <= byteLimit else { throw .tooLarge(path: name, byteLimit: byteLimit) }
      if bytes.count + block.count > bytes.capacity {
        let capacity = max(bytes.count + block.count, 2 * bytes.capacity)
        try FileError.reading(name) { () throws(SystemError) -> Void? in try requireMemory(capacity) }
        bytes.reserveCapacity(capacity)
      }
      bytes += block
    }
    return bytes
  }
}
