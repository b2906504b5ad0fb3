internal import Corpora
internal import Inference
internal import Modeling
internal import Tensors

/// What trained networks are asked besides their loss.
struct PaperQuestions {
  let model: String
  let data: PaperData
  private let pool: WorkerPool

  /// The tokens that the context section scores at each place.
  static let scored = 128

  init(model: String, data: PaperData, on pool: WorkerPool) { (self.model, self.data, self.pool) = (model, data, pool) }

  /// The loss in nats of the last 128 tokens with so many tokens before them, at the same places of the held-out text.
  ///
  /// - Parameters:
  ///   - lengths: Numbers of tokens before, ascending.
  ///   - places: The number of places, spread evenly.
  /// - Returns: `loss_<length>` for each length.
  /// - Throws: `CommandError` if the held-out text is too short; the errors of reading.
  func contexts(_ lengths: [Int], places: Int) throws -> [String: Double] {
    let loaded = try LoadedModel(path: model, isWidened: true)
    let file = try TokenFile(path: data.validationPath)
    let length = (lengths.last ?? 0) + Self.scored
    guard file.count > length + places else {
      throw CommandError(
        .badData,
        "\(data.text): expected more than \(grouped(length + places)) held-out tokens, found \(grouped(file.count))",
        hint: "give a longer text, or leave out the section 'context'")
    }
    var numbers: [String: Double] = [:]
    var scorer = TokenScorer(loaded.network, form: .chunkwise(chunkLength: 128), on: pool)
    for before in lengths {
      var (nats, count) = (0.0, 0)
      func add(_ token: ScoredToken) {
        guard let score = token.score else { return }
        nats -= score.logProbability
        count += 1
      }
      for place in 0..<places {
        let end = length + place * (file.count - length) / places
        let ids = try Self.ids(of: file, end - Self.scored - before..<end)
        scorer.startDocument(bos: loaded.bosID, add)
        scorer.append(ids, unscored: [0..<before], add)
      }
      scorer.finish(add)
      numbers["loss_\(before)"] = nats / Double(count)
    }
    return numbers
  }

  /// The share of the asked values that are the most likely token.
  ///
  /// - Parameter pairs: Numbers of pairs.
  /// - Returns: `recall_<pairs>` for each; `state_numbers`, those that are kept of the longest sequence.
  /// - Throws: The errors of reading.
  func recall(_ pairs: [Int]) throws -> [String: Double] {
    let loaded = try LoadedModel(path: model, isWidened: true)
    var numbers: [String: Double] = [:]
    var scorer = TokenScorer(loaded.network, form: .chunkwise(chunkLength: 64), on: pool)
    for count in pairs {
      let file = try TokenFile(path: data.recallPath(pairs: count))
      var (right, all) = (0, 0)
      func add(_ token: ScoredToken) {
        guard let score = token.score else { return }
        all += 1
        right += score.rank == 1 ? 1 : 0
      }
      for document in 0..<file.documentCount {
        let range = try file.documentRange(document)
        let unscored = try file.unscoredRanges(in: range).map {
          $0.lowerBound - range.lowerBound..<$0.upperBound - range.lowerBound
        }
        scorer.startDocument(bos: nil, add)
        scorer.append(try Self.ids(of: file, range), unscored: unscored, add)
      }
      scorer.finish(add)
      numbers["recall_\(count)"] = Double(right) / Double(all)
    }
    let model = loaded.header.configuration
    let longest = 4 * (pairs.max() ?? 0)
    numbers["state_numbers"] =
      model.stateNumbers.map { Double($0) } ?? ModelState.byteCount(model, batch: 1, position: longest) / 4
    return numbers
  }

  private static func ids(of file: TokenFile, _ range: Range<Int>) throws -> [Int32] {
    var ids = [Int32](repeating: 0, count: range.count)
    var span = ids.mutableSpan
    try file.copyIDs(from: range.lowerBound, into: &span)
    return ids
  }
}
