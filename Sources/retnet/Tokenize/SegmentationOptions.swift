internal import ArgumentParser
internal import Tokenization

/// The options of `tokenize encode` for other segmentations than the best.
struct SegmentationOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Print the n best ways to encode each line, best first (unigram).", valueName: "n"))
  var nbest: Int?

  @Option(
    help: ArgumentHelp(
      "Draw a way to encode at random; with --nbest among the n best. unigram: power of the probabilities; bpe: share of "
        + "merges left out.", valueName: "alpha"))
  var sample: Double?

  @Option(help: "Seed of --sample, a whole number from 0.")
  var seed: UInt32 = 0

  /// The most of the best segmentations that SentencePiece draws from (sentencepiece_processor.cc: SampleEncode).
  private static let largestSample = 512

  func validate() throws {
    if let nbest, nbest < 1 || nbest > (sample == nil ? 1024 : Self.largestSample) {
      throw ValidationError(
        "--nbest: expected 1 to \(sample == nil ? "1024" : "\(Self.largestSample) with --sample"), found \(nbest)")
    }
    if let sample, !(sample >= 0 && sample.isFinite) {
      throw ValidationError("--sample: expected a number ≥ 0, found \(sample)")
    }
    if seed == UInt32.max {
      throw ValidationError("--seed: expected less than \(UInt32.max), found \(seed)")
    }
  }

  /// How ids are drawn; nil if they are not.
  ///
  /// It seeds the generator of SentencePiece.
  var sampling: Sampling? { sample.map { Sampling(alpha: Float($0), limit: nbest, seed: seed) } }

  /// How many segmentations are printed; nil: one, on a line that may be printed in parts.
  var listed: Int? { sample == nil ? nbest : nil }

  /// Throws if the tokenizer is of a kind that has only one segmentation, or knows no order of them.
  ///
  /// - Throws: `CommandError`.
  func check(_ tokenizer: Tokenizer) throws {
    let kind = tokenizer.algorithmName
    if nbest != nil, kind != ModelType.unigram.rawValue {
      throw CommandError(.usage, "--nbest: expected a unigram tokenizer, found \(kind): \(tokenizer.path)")
    }
    guard let sample else { return }
    guard [ModelType.unigram, .bpe].map(\.rawValue).contains(kind) else {
      throw CommandError(.usage, "--sample: expected a unigram or bpe tokenizer, found \(kind): \(tokenizer.path)")
    }
    if kind == ModelType.bpe.rawValue, sample > 1 {
      throw CommandError(.usage, "--sample: expected 0 to 1 for a bpe tokenizer, found \(sample)")
    }
  }
}
