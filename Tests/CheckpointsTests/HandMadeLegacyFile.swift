import TestSupport

/// A file as PyTorch wrote it before 1.6, put together by hand, so that it can be wrong.
struct HandMadeLegacyFile {
  private typealias P = HandMadePickle

  var magic: [UInt8] = [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
  var version = P.file(P.integer(1001))
  var system = P.file(
    P.dictionary([
      ("protocol_version", P.integer(1001)), ("little_endian", P.yes),
      ("type_sizes", P.dictionary([("short", P.integer(2)), ("int", P.integer(4)), ("long", P.integer(4))])),
    ]))
  var pickle: [UInt8]
  var keys: [UInt8]
  var storages: [Storage]

  struct Storage {
    var count: Int
    var bytes: [UInt8]
  }

  /// - Parameters:
  ///   - root: The instructions that make the object.
  ///   - storages: Their keys, numbers of elements and bytes.
  init(root: [UInt8], storages: [(key: String, count: Int, bytes: [UInt8])]) {
    pickle = P.file(root)
    keys = P.file(Array("](".utf8) + storages.flatMap { P.text($0.key) } + Array("e".utf8))
    self.storages = storages.map { Storage(count: $0.count, bytes: $0.bytes) }
  }

  var bytes: [UInt8] {
    magic + version + system + pickle + keys + storages.flatMap { little($0.count, 8) + $0.bytes }
  }

  /// The number of bytes before the storages.
  var pickleByteCount: Int { magic.count + version.count + system.count + pickle.count + keys.count }
}
