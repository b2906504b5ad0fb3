import TestSupport

/// A zip archive put together by hand, so that it can be wrong.
struct HandMadeArchive {
  struct Entry {
    var name: String
    var data: [UInt8]
    var method = 0
    var flags = 0
    /// What the local header says; nil: the true name.
    var headName: String?
    /// What the directory says; nil: the truth.
    var claimedByteCount: Int?
    var claimedStoredByteCount: Int?
    var claimedHeadOffset: Int?
    /// The local header's extra field, with which PyTorch aligns the data.
    var extra: [UInt8] = []
  }

  var entries: [Entry] = []
  var comment: [UInt8] = []
  var hasWideRecord = false
  var claimedEntryCount: Int?
  var claimedDirectoryOffset: Int?
  var claimedDirectoryByteCount: Int?
  var disk = 0

  /// What torch.save would put around a pickle and its storages.
  init(pickle: [UInt8], storages: [[UInt8]] = []) {
    add("archive/data.pkl", pickle)
    add("archive/byteorder", Array("little".utf8))
    for (key, bytes) in storages.enumerated() { add("archive/data/\(key)", bytes) }
    add("archive/version", Array("3\n".utf8))
  }

  mutating func add(_ name: String, _ data: [UInt8]) {
    // An extra field of id "FB", as PyTorch's; its length is not a constant here either.
    let padding = [UInt8](repeating: UInt8(ascii: "Z"), count: 3 * entries.count)
    entries.append(Entry(name: name, data: data, extra: Array("FB".utf8) + little(padding.count, 2) + padding))
  }

  subscript(_ name: String) -> Entry {
    get { entries[place(of: name)] }
    set { entries[place(of: name)] = newValue }
  }

  private func place(of name: String) -> Int {
    guard let place = entries.firstIndex(where: { $0.name == name }) else { preconditionFailure("no entry '\(name)'") }
    return place
  }

  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    var directory: [UInt8] = []
    for entry in entries {
      let offset = entry.claimedHeadOffset ?? bytes.count
      let size = entry.claimedByteCount ?? entry.data.count
      let storedSize = entry.claimedStoredByteCount ?? size
      let headName = Array((entry.headName ?? entry.name).utf8)
      // The sizes follow the data (flag 8), as in PyTorch's files, so the local header has none.
      bytes += Array("PK\u{3}\u{4}".utf8) + little(0, 2) + little(8 | entry.flags, 2) + little(entry.method, 2)
      bytes += little(0, 16) + little(headName.count, 2) + little(entry.extra.count, 2)
      bytes += headName + entry.extra + entry.data
      bytes += Array("PK\u{7}\u{8}".utf8) + little(0, 4) + little(storedSize, 4) + little(size, 4)

      let name = Array(entry.name.utf8)
      let wide =
        hasWideRecord ? little(1, 2) + little(24, 2) + little(size, 8) + little(storedSize, 8) + little(offset, 8) : []
      let narrow = { (value: Int) in hasWideRecord ? little(0xFFFF_FFFF, 4) : little(value, 4) }
      directory += Array("PK\u{1}\u{2}".utf8) + little(0, 4) + little(8 | entry.flags, 2) + little(entry.method, 2)
      directory += little(0, 8) + narrow(storedSize) + narrow(size) + little(name.count, 2) + little(wide.count, 2)
      directory += little(0, 10) + narrow(offset) + name + wide
    }
    let offset = claimedDirectoryOffset ?? bytes.count
    let size = claimedDirectoryByteCount ?? directory.count
    let count = claimedEntryCount ?? entries.count
    bytes += directory
    if hasWideRecord {
      let record = bytes.count
      bytes += Array("PK\u{6}\u{6}".utf8) + little(44, 8) + little(0, 4) + little(disk, 4) + little(0, 4)
      bytes += little(count, 8) + little(count, 8) + little(size, 8) + little(offset, 8)
      bytes += Array("PK\u{6}\u{7}".utf8) + little(0, 4) + little(record, 8) + little(1, 4)
      bytes += Array("PK\u{5}\u{6}".utf8) + little(0, 4) + little(0xFFFF_FFFF, 4) + little(-1, 8)
    } else {
      bytes += Array("PK\u{5}\u{6}".utf8) + little(disk, 2) + little(0, 2) + little(count, 2) + little(count, 2)
      bytes += little(size, 4) + little(offset, 4)
    }
    return bytes + little(comment.count, 2) + comment
  }
}
