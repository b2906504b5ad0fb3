/// Bytes at a fixed address that live as long as this object: a part of a mapped file, or memory of its own.
///
/// `@unchecked Sendable`: nothing writes the bytes once a weight refers to them, and the owner keeps them alive.
@safe package final class WeightBytes: @unchecked Sendable {
  let base: UnsafeRawPointer
  package let count: Int
  private let owner: AnyObject

  /// Refers to bytes of another object, or copies them if they are not aligned.
  ///
  /// - Parameters:
  ///   - bytes: They must neither move nor change while `owner` lives, like those of a mapped file.
  ///   - owner: Kept alive as long as this object.
  ///   - alignment: The alignment that the numbers need. Bytes without it are copied.
  package init(_ bytes: RawSpan, of owner: AnyObject, alignment: Int) {
    count = bytes.byteCount
    let (base, kept): (UnsafeRawPointer, AnyObject) = unsafe bytes.withUnsafeBytes { buffer in
      if let start = buffer.baseAddress, Int(bitPattern: start) % alignment == 0 { return unsafe (start, owner) }
      let copy = Storage(count: (buffer.count + 3) / 4)
      unsafe UnsafeMutableRawBufferPointer(start: copy.base, count: buffer.count).copyMemory(from: buffer)
      return unsafe (UnsafeRawPointer(copy.base), copy)
    }
    unsafe self.base = base
    self.owner = kept
  }

  /// Memory of its own, filled before a weight refers to it.
  init(byteCount: Int, fill: (UnsafeMutableRawPointer) -> Void) {
    let storage = Storage(count: (byteCount + 3) / 4)
    unsafe fill(UnsafeMutableRawPointer(storage.base))
    unsafe base = UnsafeRawPointer(storage.base)
    count = byteCount
    owner = storage
  }
}
