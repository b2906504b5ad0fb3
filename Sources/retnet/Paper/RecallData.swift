internal import Corpora
internal import Files
internal import Glibc
package import Tensors
package import Tokenization

/// Multi-query associative recall (Arora et al. 2023, arXiv 2312.04927): pairs of a key and a value, then each key again,
/// whose value is to be predicted. Only these values are scored.
///
/// A sequence of n pairs has 4 n tokens: the pairs, then the n keys with their values in an order that favours short
/// distances, as in the authors' generator (a power law of the gap with a = 0.01), but without filler tokens. Keys and
/// values are 64 ids each of the text's tokenizer.
package struct RecallData {
  /// The numbers of pairs. Each has as many tokens of the training file.
  package static let pairs = [4, 8, 16, 32]
  /// The pairs of the sequences by which learning rates are chosen.
  package static let middle = 16
  /// The number of keys, and that of values.
  package static let symbols = 64

  private static let (trainingTokens, testTokens) = (1 << 21, 1 << 15)
  private static let gapExponent = 0.01

  private let header: TokenFileHeader
  /// The first key; the values follow the keys.
  private let firstKey: Int32

  /// - Parameter tokenizer: Its last 128 ids are keys and values: ordinary pieces.
  package init(_ tokenizer: Tokenizer) {
    precondition(tokenizer.vocabularySize >= 2 * Self.symbols, "RecallData: \(tokenizer.vocabularySize) pieces")
    firstKey = Int32(tokenizer.vocabularySize - 2 * Self.symbols)
    header = TokenFileHeader(
      vocabularySize: tokenizer.vocabularySize, eosID: nil, tokenizerDigest: SHA256Digest(of: tokenizer.model),
      hasMask: true)
  }

  /// Writes the training file: sequences of all numbers of pairs, in an order that a seed decides.
  package func writeTraining(_ path: String) throws {
    var source = RandomSource(seed: 1)
    var file = try TokenFileWriter(replacing: path, header: header)
    let longest = Self.pairs[Self.pairs.count - 1]
    // Sequences of n pairs are drawn with a probability ∝ 1 / n.
    let weights = Self.pairs.map { longest / $0 }
    while file.count < Self.trainingTokens {
      var draw = Int(source.uniform() * Double(weights.reduce(0, +)))
      let index = weights.firstIndex { weight in
        draw -= weight
        return draw < 0
      }
      try write(Self.pairs[index ?? 0], to: &file, from: &source)
    }
    try file.commit()
  }

  /// Writes a test file with one number of pairs.
  package func writeTest(_ path: String, pairs: Int) throws {
    var source = RandomSource(seed: 1_000 + UInt64(pairs))
    var file = try TokenFileWriter(replacing: path, header: header)
    while file.count < Self.testTokens { try write(pairs, to: &file, from: &source) }
    try file.commit()
  }

  private func write(_ pairs: Int, to file: inout TokenFileWriter, from source: inout RandomSource) throws {
    for (ids, isScored) in sequence(pairs, from: &source) { try file.append(ids, isScored: isScored) }
    // A symbol counts as a byte.
    try file.endDocument(byteCount: 4 * pairs)
  }

  /// One sequence, as parts that are scored or not.
  package func sequence(_ pairs: Int, from source: inout RandomSource) -> [(ids: [Int32], isScored: Bool)] {
    let all = (0..<Int32(Self.symbols)).map { firstKey + $0 }
    let keys = Array(all.shuffled(using: &source).prefix(pairs))
    let values = keys.map { _ in
      firstKey + Int32(Self.symbols) + Int32.random(in: 0..<Int32(Self.symbols), using: &source)
    }
    var parts: [(ids: [Int32], isScored: Bool)] = [(zip(keys, values).flatMap { [$0, $1] }, false)]
    for pair in Self.order(pairs, from: &source) {
      parts.append(([keys[pair]], false))
      parts.append(([values[pair]], true))
    }
    return parts
  }

  /// The pair that each place asks for: pairs choose places in turn, near ones more often.
  private static func order(_ pairs: Int, from source: inout RandomSource) -> [Int] {
    var places = [Int?](repeating: nil, count: pairs)
    var weights = (1...pairs).map { gapExponent * pow(Double($0), gapExponent - 1) }
    for pair in 0..<pairs {
      var draw = source.uniform() * weights.reduce(0, +)
      var place = weights.lastIndex { $0 > 0 } ?? 0
      for (index, weight) in weights.enumerated() where weight > 0 {
        draw -= weight
        if draw < 0 {
          place = index
          break
        }
      }
      places[place] = pair
      weights[place] = 0
    }
    return places.compactMap(\.self)
  }
}
