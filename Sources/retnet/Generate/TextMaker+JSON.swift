internal import Inference
internal import Tokenization

extension TextMaker {
  /// The members of a text in a JSON report.
  ///
  /// - Parameter tokenizer: nil: there is no text, and no piece.
  /// - Returns: The members by name.
  func members(_ tokenizer: Tokenizer?) -> [String: JSONValue] {
    var members: [String: JSONValue] = [
      "text": tokenizer == nil ? .null : .text(text), "tokens": .integer(tokens.count),
      "ids": .list(tokens.map { .integer(Int($0)) }),
      "finish_reason": finish.map { .text($0.rawValue) } ?? .null, "seed": .seed(seed),
    ]
    if tellsProbabilities {
      members["logprobs"] = .list(
        probabilities.map { scored in
          var entry = scored.chosen.members(tokenizer)
          entry["top"] = .list(scored.top.map { .object($0.members(tokenizer)) })
          return .object(entry)
        })
    }
    return members
  }
}

extension TokenLogProbability {
  /// The id, its piece and ln p.
  func members(_ tokenizer: Tokenizer?) -> [String: JSONValue] {
    let piece = tokenizer.flatMap { Int(id) < $0.vocabularySize ? JSONValue.text($0.piece(of: id)) : nil } ?? .null
    return ["id": .integer(Int(id)), "piece": piece, "logprob": .number(logProbability)]
  }
}
