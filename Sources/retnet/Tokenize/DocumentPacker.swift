internal import Corpora
internal import Files
internal import Tensors
internal import Tokenization

/// Encodes documents on all threads and passes their ids on in order, in bounded memory.
///
/// Text is cut into chunks that can be encoded by themselves. Some megabytes of them are encoded at a time, so the ids
/// do not depend on the number of threads.
final class DocumentPacker {
  /// How documents are encoded.
  struct Options {
    var invalid = InvalidText.refuse
    /// Whether the ids are decoded again and compared with the text.
    var verifies = false
    /// Whether documents whose text was seen before are dropped.
    var dropsDuplicates = false
  }

  private let tokenizer: Tokenizer
  private let options: Options
  private let pool: WorkerPool
  private let chooseFile: () -> PackedFile
  private var chunker: TextChunker
  private var jobs: [Job] = []
  private var queuedBytes = 0
  private var open: OpenDocument?
  /// Parts of the digests of all documents.
  private var seen: Set<UInt128> = []
  /// The number of documents that were dropped.
  private(set) var duplicates = 0

  private static let queueByteCount = 4 << 20

  /// - Parameters:
  ///   - tokenizer: The tokenizer.
  ///   - options: See the type.
  ///   - pool: The threads.
  ///   - chooseFile: Called once for each document that is not dropped before it is encoded; returns its file, which
  ///     needs a draft if duplicates are dropped.
  init(_ tokenizer: Tokenizer, _ options: Options, on pool: WorkerPool, chooseFile: @escaping () -> PackedFile) {
    self.tokenizer = tokenizer
    self.options = options
    self.pool = pool
    self.chooseFile = chooseFile
    chunker = TextChunker(tokenizer)
  }

  /// Adds the next bytes of a document.
  ///
  /// - Parameters:
  ///   - text: Any number of bytes; characters may be split.
  ///   - isEnd: Whether the document ends with them.
  ///   - source: The name of its file.
  /// - Throws: `TokenizerError`, `FileError`; `CommandError` if decoding does not restore the text.
  func append(_ text: Span<UInt8>, isEnd: Bool, source: String) throws {
    let document = takeOpen(source)
    document.byteCount += text.count
    unsafe document.hasher?.update(text.bytes)
    var chunks: [TextChunk] = []
    chunker.append(text, to: &chunks)
    if isEnd { chunker.finish(to: &chunks) }
    document.jobs += chunks.map { Job($0, source: source, isScored: true) }
    try put(document, isEnd: isEnd)
  }

  /// Adds a document of parts, each encoded by itself, as generation encodes a prompt and then goes on.
  ///
  /// - Parameters:
  ///   - parts: At least one, each with text.
  ///   - source: The name of its file.
  /// - Throws: As above.
  func append(_ parts: [DocumentPart], source: String) throws {
    let document = takeOpen(source)
    for (index, part) in parts.enumerated() {
      let text = Array(part.text.utf8)
      document.byteCount += text.count
      // The borders between the parts belong to the document.
      Array("\(part.isScored) \(text.count) ".utf8).withRawSpan { document.hasher?.update($0) }
      text.withRawSpan { document.hasher?.update($0) }
      var chunks: [TextChunk] = []
      chunker.append(text.span, to: &chunks)
      chunker.finish(next: index == parts.count - 1 ? .textStart : .middle, to: &chunks)
      document.jobs += chunks.map { Job($0, source: source, isScored: part.isScored) }
    }
    try put(document, isEnd: true)
  }

  /// Encodes what is left.
  ///
  /// - Throws: As `append`.
  /// - Precondition: No document is open.
  func finish() throws {
    precondition(open == nil, "document packer: the last document has not ended")
    try encodeQueue()
  }

  // MARK: - Documents

  /// A document that has not ended.
  private final class OpenDocument {
    let source: String
    var byteCount = 0
    /// nil: duplicates are kept.
    var hasher: SHA256Hasher?
    /// Chunks that were not queued yet.
    var jobs: [Job] = []
    /// The file, once chunks are queued.
    var file: PackedFile?

    init(source: String, isHashed: Bool) {
      self.source = source
      hasher = isHashed ? SHA256Hasher() : nil
    }
  }

  private func takeOpen(_ source: String) -> OpenDocument {
    defer { open = nil }
    return open ?? OpenDocument(source: source, isHashed: options.dropsDuplicates)
  }

  /// Queues the chunks of a document, except those of one that may still be a duplicate and is not long.
  private func put(_ document: OpenDocument, isEnd: Bool) throws {
    if !isEnd { open = document }
    let heldByteCount = document.jobs.reduce(0) { $0 + $1.chunk.bytes.count }
    let mayBeDropped = options.dropsDuplicates && document.file == nil
    guard isEnd || !mayBeDropped || heldByteCount >= Self.queueByteCount else { return }
    let isDuplicate = isEnd && isSeen(document)
    if isDuplicate, mayBeDropped { return }
    let file = document.file ?? chooseFile()
    document.file = file
    if isEnd { document.jobs.last?.end = (document.byteCount, isDuplicate) }
    for job in document.jobs {
      job.file = file
      jobs.append(job)
      // A job takes memory beside its text.
      queuedBytes += job.chunk.bytes.count + 200
    }
    document.jobs = []
    if queuedBytes >= Self.queueByteCount { try encodeQueue() }
  }

  /// Counts a document that ends as seen; whether it was before.
  private func isSeen(_ document: OpenDocument) -> Bool {
    guard let digest = document.hasher.take()?.finalize() else { return false }
    let key = digest.bytes.prefix(16).reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
    guard !seen.insert(key).inserted else { return false }
    duplicates += 1
    return true
  }

  // MARK: - Encoding

  /// A chunk and, when it is encoded, its ids. Only one thread uses it at a time.
  private final class Job: @unchecked Sendable {
    let chunk: TextChunk
    let source: String
    let isScored: Bool
    var file: PackedFile?
    /// Set for the last chunk of a document: the document's length, and whether it is dropped.
    var end: (byteCount: Int, isDropped: Bool)?
    var ids: [Int32] = []
    var error: TokenizerError?
    var difference: Int?

    init(_ chunk: TextChunk, source: String, isScored: Bool) {
      self.chunk = chunk
      self.source = source
      self.isScored = isScored
    }

    func encode(_ tokenizer: Tokenizer, _ options: Options) {
      do throws(TokenizerError) {
        try tokenizer.encode(chunk, invalid: options.invalid, source: source, to: &ids)
      } catch {
        self.error = error
      }
      if options.verifies { difference = tokenizer.firstDifference(chunk, ids) }
    }
  }

  private struct Encoding: Sendable {
    let jobs: [Job]
    let tokenizer: Tokenizer
    let options: Options
  }

  private func encodeQueue() throws {
    pool.run(jobs.count, with: Encoding(jobs: jobs, tokenizer: tokenizer, options: options)) { encoding, index, _ in
      encoding.jobs[index].encode(encoding.tokenizer, encoding.options)
    }
    for job in jobs {
      if let error = job.error { throw error }
      if let offset = job.difference {
        throw CommandError(
          .badData, "\(job.source): byte offset \(offset) of a document: decoding does not restore the text",
          hint: "this tokenizer normalises or drops characters; train one with byte fallback and the identity rule")
      }
      try job.file?.append(job.ids, isScored: job.isScored)
      if let end = job.end { try job.file?.endDocument(byteCount: end.byteCount, isDropped: end.isDropped) }
    }
    jobs.removeAll(keepingCapacity: true)
    queuedBytes = 0
  }
}
