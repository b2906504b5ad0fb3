internal import Corpora
internal import Files
internal import Foundation

/// A token file that `tokenize pack` writes.
///
/// To shuffle, and to drop documents that are known as duplicates only at their end, the documents are first written to
/// a draft, a hidden file in the same folder, and then copied.
final class PackedFile {
  let path: String
  private let header: TokenFileHeader
  private let chatTemplate: [UInt8]
  private let draftPath: String?
  private var writer: TokenFileWriter?
  private var droppedDocuments: Set<Int> = []

  /// Starts the file.
  ///
  /// - Parameters:
  ///   - path: Where it appears, complete or not at all.
  ///   - header: The header of the file.
  ///   - chatTemplate: The text of which the header has the size.
  ///   - usesDraft: Whether documents are shuffled or dropped.
  /// - Throws: `FileError`.
  init(replacing path: String, header: TokenFileHeader, chatTemplate: [UInt8], usesDraft: Bool) throws {
    self.path = path
    self.header = header
    self.chatTemplate = chatTemplate
    draftPath = usesDraft ? Self.draftPath(path) : nil
    writer = try TokenFileWriter(replacing: draftPath ?? path, header: header, chatTemplate: chatTemplate)
  }

  deinit { removeDraft() }

  private static func draftPath(_ path: String) -> String {
    let name = ".\(URL(fileURLWithPath: path).lastPathComponent).draft-\(ProcessInfo.processInfo.processIdentifier)"
    // A stream has no folder.
    let folder =
      path == StreamPath.dash || StreamPath.isStream(path)
      ? FileManager.default.temporaryDirectory : URL(fileURLWithPath: path).deletingLastPathComponent()
    return folder.appendingPathComponent(name).path
  }

  private func removeDraft() {
    if let draftPath { try? FileManager.default.removeItem(atPath: draftPath) }
  }

  /// Documents so far.
  var documentCount: Int { (writer?.documentCount ?? 0) - droppedDocuments.count }

  /// Appends ids to the open document.
  func append(_ ids: [Int32], isScored: Bool) throws { try writer?.append(ids, isScored: isScored) }

  /// Ends the open document.
  ///
  /// - Parameters:
  ///   - byteCount: The length of its text.
  ///   - isDropped: Whether it is left out; needs a draft.
  /// - Throws: `FileError`.
  func endDocument(byteCount: Int, isDropped: Bool) throws {
    if isDropped { droppedDocuments.insert(writer?.documentCount ?? 0) }
    try writer?.endDocument(byteCount: byteCount)
  }

  /// Makes the file appear.
  ///
  /// - Parameter seed: Shuffles the documents; nil: their order is kept.
  /// - Returns: What is in the file.
  /// - Throws: `FileError`.
  func commit(shuffledBy seed: UInt64?) throws -> (tokens: Int, documents: Int, digest: SHA256Digest) {
    guard var written = writer.take() else { preconditionFailure("\(path): committed twice") }
    if let draftPath {
      try written.commit()
      defer { removeDraft() }
      let draft = try TokenFile(path: draftPath)
      written = try TokenFileWriter(replacing: path, header: header, chatTemplate: chatTemplate)
      let order = seed.map { Permutation(count: max(1, draft.documentCount), key: $0) }
      for index in 0..<draft.documentCount {
        let document = order?[index] ?? index
        if !droppedDocuments.contains(document) { try written.append(document: document, of: draft) }
      }
    }
    let (tokens, documents) = (written.count, written.documentCount)
    return (tokens, documents, try written.commit())
  }
}
