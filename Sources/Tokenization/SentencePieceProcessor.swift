internal import CSentencePiece

/// A SentencePiece model loaded by the library; frees it at the end.
// Sendable holds: the pointer is constant, and the library may encode on several threads with one model.
@safe
final class SentencePieceProcessor: @unchecked Sendable {
  private let model: OpaquePointer

  /// Loads a model that `ModelDescription` has accepted.
  init(_ bytes: [UInt8]) throws(ModelProblem) {
    var error: UnsafeMutablePointer<CChar>?
    let model = unsafe bytes.withUnsafeBufferPointer { unsafe csp_model_load($0.baseAddress, $0.count, &error) }
    guard let model = unsafe model else { throw ModelProblem(unsafe takeMessage(error)) }
    unsafe self.model = unsafe model
  }

  deinit { unsafe csp_model_free(model) }

  var vocabularySize: Int { Int(unsafe csp_vocabulary_size(model)) }
  var unknownID: Int32? { Self.id(unsafe csp_unknown_id(model)) }
  var bosID: Int32? { Self.id(unsafe csp_bos_id(model)) }
  var eosID: Int32? { Self.id(unsafe csp_eos_id(model)) }
  var padID: Int32? { Self.id(unsafe csp_pad_id(model)) }

  private static func id(_ id: Int32) -> Int32? { id >= 0 ? id : nil }

  /// Appends the ids of valid UTF-8.
  func encode(_ text: ArraySlice<UInt8>, to ids: inout [Int32]) throws(ModelProblem) {
    var found: UnsafeMutablePointer<Int32>?
    var count = 0
    var error: UnsafeMutablePointer<CChar>?
    let isEncoded = unsafe text.withUnsafeBufferPointer {
      unsafe csp_encode(model, $0.baseAddress, $0.count, &found, &count, &error)
    }
    guard isEncoded else { throw ModelProblem(unsafe takeMessage(error)) }
    unsafe ids.append(contentsOf: UnsafeBufferPointer(start: found, count: count))
    unsafe csp_free(found)
  }

  /// Appends ids of valid UTF-8 that are drawn at random.
  func encode(_ text: ArraySlice<UInt8>, sampling: Sampling, to ids: inout [Int32]) throws(ModelProblem) {
    var found: UnsafeMutablePointer<Int32>?
    var count = 0
    var error: UnsafeMutablePointer<CChar>?
    let isEncoded = unsafe text.withUnsafeBufferPointer {
      unsafe csp_encode_sample(
        model, $0.baseAddress, $0.count, sampling.limit.map { Int32($0) } ?? -1, sampling.alpha, &found, &count, &error)
    }
    guard isEncoded else { throw ModelProblem(unsafe takeMessage(error)) }
    unsafe ids.append(contentsOf: UnsafeBufferPointer(start: found, count: count))
    unsafe csp_free(found)
  }

  /// The best segmentations of valid UTF-8, best first.
  func best(_ text: ArraySlice<UInt8>, limit: Int) throws(ModelProblem) -> [Segmentation] {
    var ids: UnsafeMutablePointer<Int32>?
    var ends: UnsafeMutablePointer<Int>?
    var scores: UnsafeMutablePointer<Float>?
    var count = 0
    var error: UnsafeMutablePointer<CChar>?
    let isEncoded = unsafe text.withUnsafeBufferPointer {
      unsafe csp_encode_best(model, $0.baseAddress, $0.count, Int32(limit), &ids, &ends, &scores, &count, &error)
    }
    guard isEncoded, let foundIDs = unsafe ids, let foundEnds = unsafe ends, let foundScores = unsafe scores else {
      throw ModelProblem(unsafe takeMessage(error))
    }
    defer {
      unsafe csp_free(foundIDs)
      unsafe csp_free(foundEnds)
      unsafe csp_free(foundScores)
    }
    return (0..<count).map { index in
      let start = index == 0 ? 0 : unsafe foundEnds[index - 1]
      let part = unsafe UnsafeBufferPointer(start: foundIDs + start, count: foundEnds[index] - start)
      return unsafe Segmentation(ids: Array(part), score: Double(foundScores[index]))
    }
  }

  /// Seeds what `encode(_:sampling:to:)` draws from, on threads that have not drawn yet.
  static func seed(_ seed: UInt32) { csp_seed(seed) }
}

/// Copies and frees an error message of the C functions.
///
/// SentencePiece puts its own source location and condition first, `src/file.cc(661) [(a) == (b)] `, which do not help
/// users. Sometimes there is nothing else.
func takeMessage(_ error: UnsafeMutablePointer<CChar>?) -> String {
  guard let error = unsafe error else { return "out of memory" }
  defer { unsafe csp_free(error) }
  let message = unsafe String(cString: error)
  let start = message.indices.first { message[$0...].hasPrefix("] ") }
  let text = start.map { message[$0...].dropFirst(2) } ?? message[...]
  if text.isEmpty {
    let condition = message.firstIndex(of: "[").map { message[$0...] } ?? message[...]
    return "SentencePiece's own check failed: " + condition.split(separator: " ").joined(separator: " ")
  }
  return text.split(separator: "\n").joined(separator: " ")
}
