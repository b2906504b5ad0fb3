internal import Glibc

/// Reads a file, a pipe or standard input to its end.
///
/// - Parameters:
///   - path: A path, or `-` for standard input.
///   - byteLimit: The most bytes that are accepted, ≥ 0.
/// - Returns: All bytes.
/// - Throws: `FileError.missing`, `.notAFile` (a folder), `.cannotRead`, `.noMemory` or `.tooLarge`.
package func readAll(path: String, byteLimit: Int) throws(FileError) -> [UInt8] {
  let isStandardInput = path == StreamPath.dash
  let name = StreamPath.inputName(path)
  let bytes = try FileError.reading(name) { () throws(SystemError) -> [UInt8]? in
    let descriptor = isStandardInput ? STDIN_FILENO : try openDescriptor(path, O_RDONLY)
    defer { if !isStandardInput { close(descriptor) } }
    let status = try status(of: descriptor)
    guard !status.isFolder else { return nil }
    var bytes: [UInt8] = []
    func makeRoom(_ count: Int) throws(SystemError) {
      guard count > bytes.capacity else { return }
      let capacity = max(count, 2 * bytes.capacity)
      try requireMemory(capacity)
      bytes.reserveCapacity(capacity)
    }
    if status.isRegularFile { try makeRoom(min(status.st_size, byteLimit)) }
    var block = [UInt8](repeating: 0, count: 1 << 16)
    // A longer input is detected by reading one block too many, whatever its reported size.
    while bytes.count <= byteLimit {
      let count = try readSome(descriptor, into: &block)
      if count == 0 { break }
      try makeRoom(bytes.count + count)
      bytes.append(contentsOf: block[..<count])
    }
    return bytes
  }
  guard bytes.count <= byteLimit else { throw .tooLarge(path: name, byteLimit: byteLimit) }
  return bytes
}
